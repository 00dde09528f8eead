#!/usr/bin/perl

# "ring ... idle=" in a zone that has room for some of the topics: who was
# without subscribers for the longest time gives way, nobody who has any, and if
# nothing can give way, the next one is refused.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant { TIME => 15, ZONE => 640, RING => 64, TOPICS => 12, LATE => 4 };

my $kafka = KafkaWS::Broker->new();
my $base = $kafka->topic('room');
my @topics = map { $kafka->create_topic(sprintf "$base.%02d", $_) }
	1 .. TOPICS;
my $wide = $kafka->create_topic("$base.wide", partitions => 3);
my $huge = $kafka->create_topic("$base.huge", partitions => 40);

my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(37);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    ~^$base\\.;
        zone      c @{[ ZONE ]}k;
        ring      @{[ RING ]}k idle=1h;
        preload   records=10;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        # what commands have anyway: so one format is in use
        kafka_ws_fields  topic partition offset value;

        location ~ ^/(?<topic>room.*)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$topic;
        }

        location = /commands {
            kafka_ws           c;
            kafka_ws_commands  on;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

ok(wait_for(TIME, sub { status()->{rings}{known} == TOPICS + 2 }),
	'topics are known');

# so many rings fit: data, index of 256 entries of 32 + 8 bytes, a page
my $room = int status()->{zone}{free} / 1024 / 77;

note("room for $room of them");
cmp_ok($room, '>=', 5, 'there is room for some');
cmp_ok($room, '<=', TOPICS - LATE, 'and not for all');

# one after the other, as many as fit: each flows, and then has no client

for my $n (0 .. $room - 1) {
	my $c = started($topics[$n]);

	$kafka->produce($topics[$n], "at $n");
	$c->next_record(TIME) or die "nothing flows\n";
	$c->disconnect();
	left(0);
}

is(made(), join(' ', @topics[0 .. $room - 1]), 'all that fit are there');
is(status()->{rings}{evicted}, 0, 'none had to go');

# the first one is used again, so the second is the oldest

my $c = started($topics[0]);

$c->disconnect();
left(0);
$c = started($topics[$room]);
is(made(), join(' ', @topics[0, 2 .. $room]), 'the oldest one gives way');
is(status()->{rings}{evicted}, 1, 'it alone');
$kafka->produce($topics[$room], 'here');
is($c->next_record(TIME)->{value}, 'here', 'and the new one flows');

# three at once for a topic of three partitions

my $w = started($wide);

is(made(), join(' ', @topics[0, 5 .. $room], $wide),
	'three give way for three');
is(status()->{rings}{evicted}, 4, 'not one more');

# who has subscribers stays, however long ago it came

my @held = map { started($_) } @topics[0, 5 .. $room - 1];

my $refused = 0;
my $counted = status()->{refusals}{no_memory};

for my $n (1 .. 4) {
	my $r = KafkaWS::Client->connect($t->port(0), "/$topics[$n]");

	next if $r->status == 101;
	$refused++;
	is($r->status, 503, "no room for $topics[$n]: refused");
	is($r->header('Retry-After'), 1, 'with when to come back');
	is($r->body, "no room for this topic\n", 'and why');
}

is($refused, 4, 'all of them');
is(status()->{refusals}{no_memory} - $counted, 4,
	'refusals are counted');
is(status()->{rings}{evicted}, 4, 'nobody gave way');

# the same for who asks on a connection that is there

my $socket = KafkaWS::Client->open($t->port(0), '/commands',
	commands => 1);

is_deeply($socket->ask(command => 'subscribe', topic => $topics[1]),
	{ event => 'error', id => 1, topic => $topics[1], code => 1013,
	message => 'no room for this topic' }, 'a command is refused');

# but who comes for a topic that is there is welcome

my $again = started($topics[0]);

$kafka->produce($topics[0], 'both');
is($_->next_record(TIME)->{value}, 'both', 'a topic that is there')
	for $held[0], $again;

# as soon as one goes, the next one comes

$c->disconnect();
left(@held + 3);

my $next = started($topics[1]);
is(status()->{rings}{evicted}, 5, 'one has gone, another one comes');
$kafka->produce($topics[1], 'in');
is($next->next_record(TIME)->{value}, 'in', 'and flows');

# by a command, too

$next->disconnect();
left(@held + 3);
is($socket->ask(command => 'subscribe', topic => $topics[2])->{event},
	'subscribed', 'a command after one has gone');
is($socket->wait_event('start', TIME)->{topic}, $topics[2], 'its start');
is(status()->{rings}{evicted}, 6, 'one more has gone');

# one that can never fit

is(KafkaWS::Client->connect($t->port(0), "/$huge")->status, 503,
	'more partitions than there is room for');

# of many who come at once those that fit are let in

$_->disconnect() for @held, $again, $socket, $w;
left(0);

my @all = map { KafkaWS::Client->connect($t->port(0), "/$_") } @topics;
my @in = grep { $_->status == 101 } @all;
my @out = grep { $_->status == 503 } @all;

is(@in, $room, 'many at once: as many as fit');
is(@out, TOPICS - $room, 'many at once: the others are refused');
is((grep { $_->wait_event('start', TIME) } @in), $room,
	'many at once: all who came in start');

###############################################################################

sub status { return $t->status()->{clusters}[0] }

sub topics { return sort { $a->{topic} cmp $b->{topic} }
	@{ status()->{topics} } }

# topics that have rings
sub made {
	return join ' ', map { $_->{topic} } grep { $_->{state} eq 'ok' }
		topics();
}

# until so many are connected: who has left leaves no interest
sub left {
	my ($n) = @_;

	wait_for(TIME, sub { status()->{connections} == $n })
		or die "clients do not leave\n";
}

sub started {
	my ($topic) = @_;
	my $c = KafkaWS::Client->open($t->port(0), "/$topic");

	$c->wait_event('start', TIME) or die "no start event\n";

	return $c;
}

###############################################################################
