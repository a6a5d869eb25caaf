"""Where the conversation graph hears of people from other systems: what they deliver, and what stands in their databases."""
