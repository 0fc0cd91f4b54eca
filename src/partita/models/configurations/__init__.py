"""The configurations of the architectures: their fields and, without torch, the lengths that follow from them."""
