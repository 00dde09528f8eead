#!/usr/bin/perl

# A hundred reloads in flow: clients that come back at once lose nothing and
# have the next record soon, old workers go in time, neighbours and the log
# notice nothing.

# brokers: kafka
# run: alone
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within unmeasured);
use KafkaWS::Stall;

use constant {
	CLIENTS => amount(50),
	RELOADS => amount(100),
	PARTITIONS => 4,
	RATE => amount(1000),
	STEP => 0.55,			# seconds for each reload, at least
	SECONDS => 500,			# the flow, if nobody ends it
	DRAIN => 0.2,
	RESUME => 250_000,		# us
	TURN => 20,			# reloads, then a time without any
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('many'), partitions => PARTITIONS);

# the mock answers a fetch without data only when its time is over
my $wait = $b->kind eq 'mock' ? 5 : 500;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(16
	+ KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  @{[ DRAIN * 1000 ]}ms;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 64m;
        property  fetch.wait.max.ms $wait;
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

my $stall = KafkaWS::Stall->start();
my $near = KafkaWS::Neighbour->start($t);
my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, partitions => PARTITIONS, run => 'many',
	seconds => SECONDS + 60);

my $bulk = $b->bulk_start($topic, run => 'many', rate => RATE, size => 200,
	partitions => PARTITIONS, seconds => SECONDS);

my $start = now();
my $came = 0;
my (@gone, $stay, @worst, @kafka);

for my $n (1 .. RELOADS) {
	$near->quiet() if $n % TURN == 1;

	# each is there for each reload
	wait_for(20, sub { connections() == CLIENTS })
		or die "clients do not come back\n";
	lap();

	my $began = now();

	$t->reload();

	# the old ones have been told
	my $told = now();

	$stall->lap();

	if (wait_for(20, sub { !$t->old_worker_pids() })) {
		push @gone, now() - $told - $stall->lap()->{total};

	} else {
		$stay++;
	}

	my $left = $began + STEP - now();

	sleep $left if $left > 0;

	wait_for(20, sub { connections() == CLIENTS });

	my ($worst, $kafka) = lap();

	push @worst, $worst;
	push @kafka, $kafka;
}

$near->finish();

cmp_ok(now() - $start, '<', within(SECONDS), 'all of it within the flow');

is(scalar @gone, RELOADS, 'reloads, old workers gone');
is($stay, undef, 'none stays');

cmp_ok(max(@gone), '<', within(DRAIN + 1), 'in the time to drain and a second');

my $produced = $bulk->stop();
my $total = $produced->{acked} * CLIENTS;

wait_for(30, sub {
	$came += $load->lap()->{n};

	return $came >= $total;
});

my $r = $load->stop();

# the first ones may come before the topics are known
delete $r->{codes}{503};

is($produced->{failed}, 0, 'all records produced');
is($r->{records}, $total, 'every client has every record');
is($r->{lost}, 0, 'lost');
is($r->{doubled}, 0, 'doubled');
is($r->{reordered}, 0, 'reordered');
is($r->{corrupt} + $r->{protocol} + $r->{gaps}, 0, 'frames in order');
is($r->{moved}, 0, 'every resume at its cursor');
is($r->{resets} + $r->{eofs} + $r->{close_resets} + $r->{turned_away}, 0,
	'no connection cut or turned away');
is_deeply($r->{codes}, { 1000 => CLIENTS, 1012 => CLIENTS * RELOADS },
	'each reload sends 1012, nothing else closes');
is($r->{resume_us}{n}, CLIENTS * RELOADS, 'all came back');

SKIP: {
	unmeasured(2);

	# what stops producers, too, is the machine's own, or Kafka's

	cmp_ok($r->{resume_us}{p99} - KafkaWS::Neighbour::p(0.99, @kafka),
		'<', RESUME, 'from Close to the next record, p99');
	cmp_ok(max(map { $worst[$_] - $kafka[$_] } 0 .. $#worst), '<',
		1_000_000, 'longest stall under a second');
}

note("longest stalls, clients/acknowledgements, ms: @{[
	map { int($worst[$_] / 1000) . '/' . int($kafka[$_] / 1000) }
	0 .. $#worst ]}");

note(sprintf 'gone after %.3f to %.3f s', min(@gone), max(@gone));
note($r->{text});

###############################################################################

sub connections { return $t->status()->{clusters}[0]{connections} }

# returns: since the last one the longest stall of any client, and the longest
# time without an acknowledgement, in us
sub lap {
	my $lap = $load->lap();

	$came += $lap->{n};

	return ($lap->{stall}{max}, $bulk->lap());
}

###############################################################################
