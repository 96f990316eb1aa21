"""Stories of what goes wrong, played on a real control plane and in the embedded cluster alike."""
