"""What a model looks at besides its prompt: ControlNets, IP-Adapters, regions, learned words."""
