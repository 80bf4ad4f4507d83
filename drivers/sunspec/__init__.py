"""Units that describe themselves: SunSpec's models as data, their chain, and the values they hold."""
