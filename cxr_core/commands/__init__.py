"""What the commands of the command line do, one module a purpose; __main__.py has their arguments."""
