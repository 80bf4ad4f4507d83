"""What a connection to another machine begins with: where the machine is, and why there is none."""
