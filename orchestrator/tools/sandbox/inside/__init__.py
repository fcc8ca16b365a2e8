"""The half of the sandbox that runs in the child: locks the process in, then runs the code. Standard library only."""
