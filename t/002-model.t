
# Copyright (C) The ngx_http_messaging_module authors

# The models of t/model that are checked fast; "make check" has all of them.

# not in: workers-1 (it runs no nginx)
# not in: workers-4 (it runs no nginx)
# not in: asan (it runs no nginx)
# not in: newest (it runs no nginx)

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $model = dirname(abs_path(__FILE__)) . '/util/model';

exec $model, '--quick' or die "cannot run $model: $!\n";
