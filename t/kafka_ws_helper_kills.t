#!/usr/bin/perl

# The helper is killed fifty times in flow: the same connections go on soon,
# at the exact next record.

# brokers: kafka
# run: alone
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within unmeasured);
use KafkaWS::Waited;

use constant {
	CLIENTS => amount(50),
	KILLS => amount(50),
	PARTITIONS => 4,
	RATE => amount(1000),
	STEP => within(0.7),		# seconds for each kill
	STALL => 300_000,		# us, p99
	LONGEST => 1_000_000,
	TURN => 10,			# kills, then a time without any
};

use constant SECONDS => int(KILLS * STEP + 15
	+ (KILLS / TURN + 2) * (KafkaWS::Neighbour::QUIET + 0.5));

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('kills'), partitions => PARTITIONS);

# the mock answers a fetch without data only when its time is over
my $wait = $b->kind eq 'mock' ? 5 : 500;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(14
	+ KafkaWS::Neighbour::CHECKS);

$t->allow_alert(qr/cache manager process \d+ exited on signal 9$/);

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

my $near = KafkaWS::Neighbour->start($t);
my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, partitions => PARTITIONS, run => 'kills',
	records => RATE * SECONDS / PARTITIONS, seconds => SECONDS + 60);

my $bulk = $b->bulk_start($topic, run => 'kills', rate => RATE, size => 200,
	partitions => PARTITIONS, count => RATE * SECONDS);

# what the machine takes, and Kafka: no fault of nginx
my @busy = (sub { $t->pids(qr/./) }, $load->pid());
my $queued = KafkaWS::Waited->new(@busy);

flows(RATE);
lap();

my $start = now();
my $epoch = status()->{epoch};
my @workers = $t->worker_pids();
my ($kills, @laps) = (0);

for my $n (1 .. KILLS) {
	$near->quiet() if $n % TURN == 1;

	my $old = status()->{helper_pid};
	my $began = now();

	kill 'KILL', $old;

	$kills++ if wait_for(10, sub { status()->{helper_pid} != $old });

	flows(RATE * STEP / 4);
	wait_for(STEP, sub { now() - $began > STEP });
	push @laps, lap();
}

$near->finish();

is($kills, KILLS, 'killed, and another one is the writer');
is(status()->{epoch}, $epoch + KILLS, 'one writer after the other');
cmp_ok(now() - $start, '<', SECONDS, 'all of it within the flow');

my $produced = $bulk->result(60);
my $r = $load->result(90);

# the first ones may come before the topics are known
delete $r->{codes}{503};

is($produced->{failed}, 0, 'all records produced');
is($r->{done}, CLIENTS, 'every client has every record');
is($r->{lost}, 0, 'lost');
is($r->{doubled}, 0, 'doubled');
is($r->{reordered}, 0, 'reordered');
is($r->{corrupt} + $r->{protocol} + $r->{gaps}, 0, 'frames in order');
is($r->{reconnects}, 0, 'no connection was lost');
is_deeply($r->{codes}, { 1000 => CLIENTS }, 'no Close before the end');
is_deeply([$t->worker_pids()], \@workers, 'the same workers');

SKIP: {
	unmeasured(2);

	cmp_ok(max(map { $_->{p99} - $_->{off} } @laps), '<', STALL,
		'stalls of all clients by the kills, p99');
	cmp_ok(max(map { $_->{max} - $_->{off} } @laps), '<', LONGEST,
		'the longest stall');
}

note('longest stalls by the kills, and what was none of theirs, ms: '
	. join ' ', map { sprintf '%d-%d', $_->{max} / 1000,
	$_->{off} / 1000 } @laps);
note($r->{text});

###############################################################################

# returns: the clients' longest stalls since the last lap, { p99, max } in us,
# and how long one of them was off a processor, or Kafka took nothing: off
sub lap {
	my $lap = $load->lap()->{stall};

	$lap->{off} = $bulk->lap() + 1e6 * $queued->most();
	$queued = KafkaWS::Waited->new(@busy);

	return $lap;
}

# waits for so many records more in the rings
sub flows {
	my ($count) = @_;
	my $from = records();

	wait_for(10, sub { records() >= $from + $count })
		or die "no flow\n" . $t->log();
}

sub records {
	my $sum = 0;

	$sum += $_->{next} for @{ status()->{topics}[0]{partitions} };

	return $sum;
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
