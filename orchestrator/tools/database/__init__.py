"""Tables that a model may ask: outside are what to load and who keeps the child, `inside` is the child itself."""
