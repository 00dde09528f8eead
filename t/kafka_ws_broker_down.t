#!/usr/bin/perl

# No broker when nginx starts, and none for a while later: nginx serves, the
# sockets stay, and the stream goes on at the exact next offset.

# brokers: kafka mock
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Waited;

use constant TIME => 60;

my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('down'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(34);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  300ms timeout=5m;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        preload   records=10;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location = /static {
            return  200 "there";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

$b->produce($topic, 'before');
$b->down();

# at the start

my ($code, $out) = $t->conf_test();

is($code, 0, 'configuration test without a broker');
is(scalar(grep { !/ (?:syntax is ok|test is successful)$/ }
	split /\n/, $out), 0, 'and not a word') or diag($out);

my ($since, $queued) = (now(), KafkaWS::Waited->new($$, sub {
	$t->{master} ? ($t->master_pid(), $t->pids(qr/./)) : () }));

$t->run();

my $time = now() - $since;

note(sprintf 'start: %.2f s, %.2f of them off a processor', $time,
	$queued->seconds());
cmp_ok($time - $queued->seconds(), '<', within(1),
	'nginx starts without a broker');
is($t->http_get('/static')->body, 'there', 'static site');

my $r = KafkaWS::Client->connect($t->port(0), '/');

is($r->status, 503, 'stream without a broker');
is($r->header('Retry-After'), 1, 'when to come back');
is($r->body, "topics are not known yet\n", 'and why');

ok(wait_for(TIME, sub { broker()->{state} eq 'down' }), 'state in status');
like(broker()->{error}, qr/\S/, 'error in status');
ok(broker()->{since_ms} > 1e12, 'since when in status');
is(said(qr/no broker can be reached/, 1), 1, 'one line in the log');

$b->up();

ok(wait_for(TIME, sub { broker()->{state} eq 'up' }), 'state when it is up');
ok(wait_for(TIME, sub { !defined broker()->{error} }), 'no error then');

my $c = KafkaWS::Client->open($t->port(0), '/?cursor=0:0', ready => TIME);
my $other = KafkaWS::Client->open($t->port(0), '/');

$other->wait_event('start', 10);
is(($c->records(1, TIME))[0]{value}, 'before', 'stream works later');
is(said(qr/broker reached again/, 1), 1, 'one line when it is back');

# in mid-stream, twice

for my $n (2, 3) {
	$b->produce($topic, { partition => 1, value => "a$n" });
	is(($c->records(1, TIME))[0]{value}, "a$n", "stream before outage $n");

	$b->down();
	ok(wait_for(TIME, sub { broker()->{state} eq 'down' }),
		"outage $n is seen");

	my $pings = $c->{pings};

	is($c->wait_pings($pings + 2, 10), $pings + 2,
		"outage $n: pings from the server");
	$c->ping('there?');
	is($c->wait_pong(10), 'there?', "outage $n: pong");
	is($t->http_get('/static')->body, 'there', "outage $n: static site");

	# who comes during it waits for records, as the rings are there
	my $new = KafkaWS::Client->open($t->port(0), '/');

	is($new->wait_event('start', 10)->{partitions}[1]{offset},
		2 * $n - 3,
		"outage $n: new client");

	$b->up();
	wait_for(TIME, sub { eval { $b->produce($topic,
		{ partition => 1, value => "b$n" }); 1 } });

	my @got = map { $_->{value} } $c->records(1, TIME),
		$new->records(1, TIME);

	is_deeply(\@got, ["b$n", "b$n"], "stream after outage $n");
	ok(wait_for(TIME, sub { broker()->{state} eq 'up' }),
		"end of outage $n is seen");
}

is_deeply([map { "$_->{offset}$_->{value}" } $other->records(4, 10)],
	['0a2', '1b2', '2a3', '3b3'], 'every record, once, in order');
is(said(qr/no broker can be reached/, 3), 3, 'a line for each outage');
is(said(qr/broker reached again/, 3), 3, 'and for each end of one');

###############################################################################

sub broker { return $t->status()->{clusters}[0]{broker} }

sub said {
	my ($pattern, $count) = @_;

	wait_for(5, sub { lines($pattern) >= $count });

	return lines($pattern);
}

sub lines {
	my ($pattern) = @_;
	my @lines = grep { /$pattern/ } split /\n/, $t->log();

	return scalar @lines;
}

###############################################################################
