#!/bin/sh
exec gunicorn \
    -b :5000 \
    --access-logfile - serve:two
