"""What scenarios are made of: Essaim itself and its neighbours, each a real program on loopback in a private folder."""
