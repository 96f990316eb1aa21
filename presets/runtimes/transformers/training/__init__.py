"""The trainer: one configuration, one data set and one model become one LoRA adapter."""
