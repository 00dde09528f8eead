#!/usr/bin/perl

# The status page: every field, and what it says.

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
use KafkaWS::Pace qw(within);

use constant TIME => 10;

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('status'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(49);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers     %%BROKERS%%;
        topics      $topic;
        zone        stream 16m;
        max_record  10k;
        property    fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws            c;
            kafka_ws_topic      \$topic;
            kafka_ws_partition  \$partition;
            kafka_ws_start      \$arg_start;

            set  \$topic "$topic";
            set  \$partition 0-1;

            if (\$arg_topic) {
                set  \$topic \$arg_topic;
            }

            if (\$arg_partition) {
                set  \$partition \$arg_partition;
            }
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# what each refusal takes

my %refused = (
	method => { method => 'POST' },
	version => { version => 8 },
	body => { headers => ['Content-Length', 1], body => 'x' },
	upgrade => { raw => "GET / HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a" },
	key => { key => 'short' },
	subprotocol => { subprotocol => ['a', 'a'] },
	origin => { origin => 'http://elsewhere' },
	topic => { uri => '/?topic=unknown' },
	partition => { uri => '/?partition=x' },
	start => { uri => '/?start=never' },
	cursor => { uri => '/?cursor=x' },
);

my @c = map { started() } 1 .. 3;
my $before = cluster();

# the idle topic's wake-ups are behind us
$b->produce($topic, { partition => 0, value => "v$_", key => 'k' })
	for 1 .. 3;
$b->produce($topic, { partition => 1, value => 'x' x 20000 },
	{ partition => 1, value => 'after' });

my $payloads = 0;

for my $c (@c) {
	for (1 .. 4) {
		$c->next_record(TIME);
		$payloads += frame_length($c);
	}

	$c->wait_event('gap', TIME);
	$payloads += frame_length($c);
}

my $r = $t->http_get('/kafka_ws_status');

is($r->header('Content-Type'), 'application/json', 'type');
is($r->header('Cache-Control'), 'no-store', 'not to be stored');
is($t->http_get('/kafka_ws_status', method => 'POST',
	headers => ['Content-Length', 0])->status, 405, 'POST');

my $s = $t->status();
my $c = $s->{clusters}[0];

is(keys(%$s), 4, 'fields of the page');
is(`@{[ KafkaWS::Nginx::binary() ]} -v 2>&1` =~ m{/([\d.]+)} && $1,
	$s->{nginx}, 'nginx');
is_deeply([$s->{pid}], [$t->worker_pids()], 'pid');
is($s->{generation}, 1, 'generation');

is(join(' ', sort keys %$c), 'accepted backfill batches broker bytes '
	. 'closes connections copied copies epoch events frames gaps '
	. 'heartbeat_age_ms helper_pid kafka_cluster_id lapped name passes '
	. 'records refusals renderings rings sends slow topics wakes '
	. 'wakes_sent zone', 'fields of a cluster');

is($c->{name}, 'c', 'name');
is($c->{zone}{name}, 'stream', 'zone name');
is($c->{zone}{size}, 16 << 20, 'zone size');
ok($c->{zone}{free} > 1 << 20 && $c->{zone}{free} < 12 << 20, 'zone free');
is($c->{epoch}, 1, 'epoch');
is($c->{helper_pid}, $t->helper_pid(), 'helper_pid');
ok(wait_for(TIME, sub { cluster()->{heartbeat_age_ms} < within(1000) }),
	'heartbeat_age_ms');
is($c->{broker}{state}, 'up', 'broker state');
ok(abs($c->{broker}{since_ms} / 1000 - time) < 60, 'broker since_ms');
is($c->{broker}{error}, undef, 'broker error');
ok(length $c->{kafka_cluster_id}, 'kafka_cluster_id');
is($c->{renderings}, 1, 'renderings');
is($c->{records}, 5, 'records');
ok($c->{batches} >= 1 && $c->{batches} <= 5, 'batches');

is($c->{connections}, 3, 'connections');
is($c->{accepted}, 3, 'accepted');
# the gap stands in the ring as a frame
is($c->{frames}, 3 * 5, 'frames');
is($c->{events}, 3, 'events: a start event each');
is($c->{bytes} - $before->{bytes}, $payloads, 'bytes');
ok($c->{sends} >= 3 + 3 && $c->{sends} <= 3 + 3 * 5, 'sends');
ok($c->{wakes} >= 1 && $c->{wakes} <= $c->{wakes_sent}, 'wakes');
ok($c->{passes} >= $c->{wakes}, 'passes');
ok($c->{copies} >= 2 && $c->{copies} <= 5, 'copies: one for all clients');
is($c->{copied}, $payloads / 3, 'copied');
is($c->{gaps}, 3, 'gaps');
is($c->{lapped} + $c->{slow}, 0, 'lapped, slow');

# Kafka's own view comes now and then
wait_for(TIME, sub { $c = cluster();
	!grep { $_->{log_end} != $_->{next} }
		@{ $c->{topics}[0]{partitions} } });

is(@{ $c->{topics} }, 1, 'topics');
is($c->{topics}[0]{topic}, $topic, 'topic name');
is($c->{topics}[0]{state}, 'ok', 'topic state');

my @p = @{ $c->{topics}[0]{partitions} };
my $bytes = $p[0]{bytes} + $p[1]{bytes};

cmp_ok($bytes, '<', $payloads / 3, 'partition bytes: without the gap');
cmp_ok($bytes, '>', $payloads / 3 - 150, 'partition bytes: all the rest');
delete $_->{bytes} for @p;
is_deeply($p[0], { partition => 0, state => 'ready', oldest => 0, next => 3,
	log_start => 0, log_end => 3, records => 3, too_large => 0,
	lost => 0 }, 'partition 0');
is_deeply($p[1], { partition => 1, state => 'ready', oldest => 0, next => 2,
	log_start => 0, log_end => 2, records => 1, too_large => 1,
	lost => 0 }, 'partition 1');

# refusals by reason

for my $reason (sort keys %refused) {
	my %o = %{ $refused{$reason} };

	KafkaWS::Client->connect($t->port(0), $o{uri} // '/', %o);
}

my $refusals = cluster()->{refusals};

is_deeply($refusals, { (map { $_ => 1 } keys %refused), not_ready =>
	$refusals->{not_ready}, no_memory => 0, connections => 0,
	filter => 0 },
	'refusals');

# closes by code

my %closes = map { $_ => 0 } 1000 .. 1003, 1005 .. 1009, 1011 .. 1013, 4401,
	4403, 4404, 4408, 4410, 'other';

is_deeply(cluster()->{closes}, \%closes, 'no closes');

$c[0]->close(1000);
$c[1]->close(4999);
$c[2]->reset();

@closes{1000, 'other', 1006} = (1, 1, 1);

ok(wait_for(TIME, sub { cluster()->{connections} == 0 }), 'none is left');
is_deeply(cluster()->{closes}, \%closes, 'closes');
is(cluster()->{accepted}, 3, 'accepted stays');

# a helper that is not there

$t->allow_alert(qr/cache manager process \d+ exited on signal 9$/);
kill 'KILL', $t->helper_pid();
ok(wait_for(TIME, sub { cluster()->{epoch} == 2 }), 'epoch of the next one');
is(cluster()->{records}, 5, 'records are not counted twice');
is(cluster()->{helper_pid}, $t->helper_pid(), 'helper_pid of the next one');

###############################################################################

sub started {
	my $c = KafkaWS::Client->open($t->port(0), '/');

	$c->wait_event('start', TIME);

	return $c;
}

sub frame_length {
	my ($c) = @_;
	my $n = length $c->last_payload();

	return $n + ($n < 126 ? 2 : 4);
}

sub cluster { return $t->status()->{clusters}[0] }

###############################################################################
