"""What a connection to another machine begins with: where the machine is."""
