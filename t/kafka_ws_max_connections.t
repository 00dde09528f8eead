#!/usr/bin/perl

# kafka_ws_max_connections: over all workers, and given back.

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

use constant { LIMIT => 6, TIME => 10 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('limit'));
my $other = $b->create_topic($b->topic('other'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(18);

$t->allow_alert(qr/worker process \d+ exited on signal 9$/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_max_connections  6;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_cluster d {
        brokers   %%BROKERS%%;
        topics    $other;
        zone      d 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        location / {
            kafka_ws  c;
        }

        location /other {
            kafka_ws  d;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }

        location = /static {
            return  200 "there";
        }
    }
}

EOT

###############################################################################

# both clusters count

my @c = map { started($_ % 3 ? '/' : '/other') } 1 .. LIMIT;

is(connections(), LIMIT, 'connections up to the limit');

# the kernel gives each to a worker of its choice

for (1 .. 100) {
	last if both();

	(shift @c)->disconnect();
	wait_for(TIME, sub { connections() < LIMIT });
	push @c, started('/');
}

ok(both(), 'on both workers');

my $r = KafkaWS::Client->connect($t->port(0), '/');

is($r->status, 503, 'one more is refused');
is($r->header('Retry-After'), 1, 'and told when to come back');
is($r->body, "too many connections\n", 'and why');

$r = KafkaWS::Client->connect($t->port(0), '/other');
is($r->status, 503, 'on the other cluster, too');

is($t->http_get('/static')->status, 200, 'not one of a stream');
is($t->http_get('/')->status, 426, 'not an upgrade: refused as before');

is(refusals(), 2, 'refusals are counted');
$b->produce($topic, 'x');
is(($c[0]->records(1, TIME))[0]{value}, 'x', 'those before stream on');

# given back, whatever way they end

for my $way (qw(close disconnect reset send_text)) {
	my $c = shift @c;

	$c->$way($way eq 'close' ? 1000 : ());
	$c->wait_eof(TIME) if $way =~ /close|send/;
	ok(wait_for(TIME, sub { connections() == LIMIT - 1 }),
		"given back after $way");
	push @c, started('/');
}

is(KafkaWS::Client->connect($t->port(0), '/')->status, 503,
	'the limit again');

# by a worker that was killed, too

my ($pid) = $t->worker_pids();
my $had = $t->connections_of($pid);

kill 'KILL', $pid;
wait_for(TIME, sub {
	my @now = $t->worker_pids();

	return @now == 2 && !grep { $_ == $pid } @now;
}) or die "no new worker\n";

ok(wait_for(TIME, sub { connections() == LIMIT - $had }),
	'given back by a killed worker');

@c = grep { !$_->wait_eof(0.2) } @c;
push @c, map { started('/') } 1 .. LIMIT - @c;

is(connections(), LIMIT, 'the limit after that');
is(KafkaWS::Client->connect($t->port(0), '/')->status, 503,
	'and no more');

###############################################################################

sub started {
	my $c = KafkaWS::Client->open($t->port(0), @_);

	$c->wait_event('start', TIME);

	return $c;
}

sub connections {
	my $sum = 0;

	$sum += $_->{connections} for @{ $t->status()->{clusters} };

	return $sum;
}

sub refusals {
	my $sum = 0;

	$sum += $_->{refusals}{connections}
		for @{ $t->status()->{clusters} };

	return $sum;
}

sub both { return !grep { !$_ } $t->connections([$t->worker_pids()]) }

###############################################################################
