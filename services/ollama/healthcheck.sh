#!/bin/sh
# Healthy when its API lists models, which also shows that its store can be read.
exec docker exec ollama ollama list
