"""SNS on this machine: moto's topics and filters, with signed messages and subscriptions that must be confirmed."""
