"""The sandbox for code that a model wrote: fails closed. Outside of it are these modules, within it `inside`."""
