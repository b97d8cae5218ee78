#!/bin/sh
exec docker exec agent-system wget -q -O /dev/null http://127.0.0.1:18180/health
