#!/bin/sh
# What the web server executes. The program, its settings and its log are not below the document root.
home=@HOME@
set -- respond
# shellcheck source=deploy/shared/start
. "$home/lib/start"
