#!/usr/bin/perl

# 10,000 clients that send half of a request and wait; 10,000 that send a
# byte of it now and then, until client_header_timeout ends them.

# brokers: kafka
# run: alone
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use KafkaWS::Flood;

use constant MANY => 10_000;

###############################################################################

my $f = KafkaWS::Flood->new(floods => 2,
	pairs => $ENV{TEST_FLOOD_RATIO} ? 5 : 3, http => <<'EOT');
    client_header_timeout  7s;
EOT

$f->start();

# each goes by itself, half of them by RST

$f->withstands('half handshakes', mode => 'half', connections => MANY,
	count => MANY, connects => 4000, hold_ms => 4000, ms => 10000,
	most => MANY);

# all are there when the first has to go: 7 s after it came; to connect takes
# 4.5 s, and more if the attacker has to wait for a processor

$f->withstands('slow handshakes', mode => 'loris', connections => MANY,
	count => MANY, connects => 2200, rate => MANY / 4, burst => 1,
	ms => 14000, most => MANY);

$f->finish();

###############################################################################
