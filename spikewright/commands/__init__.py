"""One file a command. Each reads its arguments, calls the room that does the work, and prints what came out."""
