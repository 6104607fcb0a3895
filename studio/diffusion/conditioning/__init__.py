"""Conditioning besides the prompt: ControlNets, T2I-Adapters, IP-Adapters, regional prompts, textual inversions."""
