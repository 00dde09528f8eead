#!/usr/bin/perl

# A hundred sockets that unsubscribe and subscribe, ten thousand commands a
# second, so that streams begin and end all the time: the others' latency, the
# worker's memory, and each command has its answer.

# brokers: kafka
# run: alone
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Flood;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(amount unmeasured);

use constant CLIENTS => 100;

# of these names ws_flood knows

my $f = KafkaWS::Flood->new(floods => 1, more => 3, http => <<'EOT',

    kafka_ws_cluster d {
        brokers  %%BROKERS%%;
        topics   flood.a flood.b;
        zone     d 16m;
    }

EOT
	conf => <<'EOT');

        location = /commands {
            kafka_ws           d;
            kafka_ws_topic     flood.a;
            kafka_ws_commands  on;
        }

EOT

$f->{broker}->create_topic("flood.$_") for qw(a b);

$f->start();

# a unit is two commands: 100 a second of each socket

my $before = events();

my ($runs, $units) = $f->withstands('commands', mode => 'commands',
	uri => '/commands', connections => CLIENTS, rate => 50 * CLIENTS,
	burst => 4, ms => 2000, alive => CLIENTS, stay => 1);

# start events come besides

my $answered = events() - $before;

SKIP: {
	unmeasured(1);

	cmp_ok($units, '>=', 0.9 * amount(50 * CLIENTS) * 2 * $runs,
		'as many a second as they should be');
}

cmp_ok($answered, '>=', 2 * $units, 'commands were answered');

is($f->nginx()->status()->{clusters}[1]{connections}, 0,
	'nobody is left');

note("$answered answers and start events");

$f->finish();

###############################################################################

sub events { return $f->nginx()->status()->{clusters}[1]{events} }

###############################################################################
