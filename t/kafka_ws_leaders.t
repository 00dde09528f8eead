#!/usr/bin/perl

# The leader of a partition moves a hundred times among three nodes, in flow:
# nothing is lost or doubled, and each time the stream goes on soon.

# brokers: kafka
# run: alone
# timeout: 300

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount unmeasured);

use constant {
	CLIENTS => amount(20),
	MOVES => amount(100),
	NODES => 3,
	RATE => amount(500),
	STALL => 1_000_000,		# us, p99
	TURN => 20,			# moves, then a time without any
};

# A follower whose leader went waits for a second before it asks the next one,
# and no record counts until it has it: Kafka's own stall.  So that it is a busy
# Kafka's, too, the time in which it acknowledged nothing is taken off.
my $b = KafkaWS::Broker->new(own => 1, nodes => NODES,
	config => ['replica.fetch.backoff.ms=50']);

# all of it is one partition, so that no other hides its stalls
my $topic = $b->create_topic($b->topic('leaders'), replication => NODES);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(11
	+ KafkaWS::Neighbour::CHECKS);

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
        topics    $topic;
        zone      c 64m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /t {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }

@{[ KafkaWS::Neighbour->locations ]}
    }

@{[ KafkaWS::Neighbour->server ]}
}

EOT

###############################################################################

my $near = KafkaWS::Neighbour->start($t);
my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, run => 'leaders', seconds => 240);
my $bulk = $b->bulk_start($topic, run => 'leaders', rate => RATE, size => 200,
	seconds => 240, $b->kind eq 'mock' ? (inflight => 1) : ());

flows(2 * RATE);

my $got = $load->lap()->{n};
my $leader = $b->leaders($topic)->{0};
my ($moves, @worst, @kafka) = (0);

$bulk->lap();

for my $n (1 .. MOVES) {
	$near->quiet() if $n % TURN == 1;

	$leader = $leader % NODES + 1;
	$b->leader($topic, 0, $leader);

	# what the new leader gets comes through
	flows(RATE / 20);

	# another node may hear of it later
	$moves++ if wait_for(10, sub {
		$b->leaders($topic)->{0} == $leader });
	push @kafka, $bulk->lap();

	my $lap = $load->lap();

	push @worst, $lap->{stall}{max};
	$got += $lap->{n};
}

$near->finish();

my $sent = $bulk->stop();

is($moves, MOVES, 'the leader moved, and records came');
is($sent->{failed}, 0, 'all records produced');
ok(wait_for(10, sub { next_offset() == $sent->{acked} }),
	'as many in the ring');

# and as many on their way to the clients

wait_for(10, sub {
	$got += $load->lap()->{n};
	return $got >= $sent->{acked} * CLIENTS;
});

my $r = $load->stop();

is($r->{records}, $sent->{acked} * CLIENTS, 'every record to every client');
is($r->{lost} + $r->{doubled} + $r->{reordered}, 0, 'once, in order');
is($r->{corrupt} + $r->{protocol} + $r->{gaps}, 0, 'as they are');
is($r->{reconnects}, 0, 'no connection was lost');

SKIP: {
	unmeasured(1);

	my $own = KafkaWS::Neighbour::p(0.99,
		map { $worst[$_] - $kafka[$_] } 0 .. $#worst);

	cmp_ok($own, '<', STALL, 'stalls by the moves, p99');
	note('stalls by the moves, p99: ', int($own / 1000),
		" ms; with Kafka's own $r->{stalls_us}{p99} us");
}

my $broker = $t->status()->{clusters}[0]{broker};

is($broker->{state}, 'up', 'state in status');
is($broker->{error}, undef, 'no error in status');
unlike($t->log(), qr/\[err(?:or)?\]/, 'no error in the log');

note("longest stalls by the moves, clients/acknowledgements, ms: @{[
	map { int($worst[$_] / 1000) . '/' . int($kafka[$_] / 1000) }
	0 .. $#worst ]}");
note($r->{text});
note(grep { /kafka ws cluster/ } map { "$_\n" } split /\n/, $t->log());

###############################################################################

# waits for so many records more in the ring
sub flows {
	my ($count) = @_;
	my $from = next_offset();

	wait_for(20, sub { next_offset() >= $from + $count })
		or die "no flow\n" . $t->log();
}

sub next_offset {
	return $t->status()->{clusters}[0]{topics}[0]{partitions}[0]{next}
		// 0;
}

###############################################################################
