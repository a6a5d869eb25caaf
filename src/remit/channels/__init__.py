"""Ways to people: mail and chat. What each takes in comes as `port.Incoming`, whoever brings it: who says it and whether that is
verified, what is their own, what is quoted, and to what it answers. Nothing here decides what an agent may do."""
