"""How often everything happens: no joules, no seconds."""
