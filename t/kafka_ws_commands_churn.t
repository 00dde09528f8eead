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
use KafkaWS::Pace qw(amount);

use constant CLIENTS => 100;

# of these names ws_flood knows

my $f = KafkaWS::Flood->new(floods => 1, more => 2, http => <<'EOT',

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

$f->withstands('commands', mode => 'commands', uri => '/commands',
	connections => CLIENTS, rate => 50 * CLIENTS, burst => 4, ms => 2000,
	alive => CLIENTS, stay => 1);

# each run and each pair has so many units; start events come besides

my $answered = events() - $before;

cmp_ok($answered, '>=', amount(50 * CLIENTS) * 2 * 2 * 7,
	'commands were answered');

is($f->nginx()->status()->{clusters}[1]{connections}, 0,
	'nobody is left');

note("$answered answers and start events");

$f->finish();

###############################################################################

sub events { return $f->nginx()->status()->{clusters}[1]{events} }

###############################################################################
