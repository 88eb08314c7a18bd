"""What nodes that touch the outside are held to: addresses, the files root, process groups, worker processes."""
