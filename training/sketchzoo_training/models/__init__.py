"""Networks in training, where their first weights come from, and how they are exported."""
