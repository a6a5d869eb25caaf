"""What begins runs without a person at a keyboard: times, deliveries over HTTP, runs that have ended. Written down once each, then
begun once each, whatever dies in between."""
