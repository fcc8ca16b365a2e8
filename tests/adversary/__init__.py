"""What somebody would try who wants one thing taken for another: mix-ups, poison and forgery."""
