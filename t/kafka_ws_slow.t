#!/usr/bin/perl

# kafka_ws_slow: clients that stop reading are closed after a while, or when
# the ring has lapped them; those that read again in time miss nothing, and
# nobody else notices.

# brokers: kafka mock

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
use KafkaWS::Stall;

use constant { TIME => 10, SIZE => 20_000, MANY => 40 };

my $stall = KafkaWS::Stall->start();
my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('slow'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(34);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        ring      2m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_ping      5m;
    kafka_ws_backfill  off;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws       c;
            kafka_ws_slow  close lag=2s buffer=8k;
        }

        location /patient {
            kafka_ws       c;
            kafka_ws_slow  close lag=1h buffer=8k;
        }

        location /reader {
            kafka_ws  c;
        }

        location /ping {
            kafka_ws       c;
            kafka_ws_slow  close lag=1h buffer=8k;
            kafka_ws_ping  300ms timeout=300ms;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $reader = started('/reader', rcvbuf => 1 << 20);
my $n = 0;			# records so far

# too long behind

my $c = started('/');
my $since = fill($c);
my $filled = now();
my $at = $c->cursor;

$stall->lap();
cmp_ok(status()->{slow}, '>', 0, 'lag: counted as slow');
ok($t->wait_log(qr/\[info\].* client is too slow, closing at "0:\d+"/),
	'lag: log');

# behind at the first record that has no room, or at the last one

my ($time, $behind) = (now() - $since, now() - $filled);

ok($time > 1.5 && $behind - $stall->lap()->{total} < 2 + within(2.5),
	'lag: in time')
	or diag("after $time s, $behind s");

# it reads again just then: the Close is behind what was sent before

$c->records(1e9, TIME);

my ($code, $reason) = $c->wait_close(TIME);

is($code, 4408, 'lag: closed with 4408');
is($reason, $c->cursor, 'lag: the reason is the cursor');
ok(wait_for(TIME, sub { status()->{closes}{4408} == 1 }), 'lag: counted');

# one that goes on not reading is cut

my $stuck = started('/');
fill($stuck);

ok(wait_for(TIME + 5, sub { status()->{closes}{4408} == 2 }),
	'lag: one that never reads is cut');
is(status()->{connections}, 1, 'lag: it is gone');
all_read('lag');

# it comes back with its cursor, where no slow machine makes it slow again

$c = started('/reader?cursor=' . $c->cursor);
is($c->{start}{partitions}[0]{state}, 'resumed', 'lag: resume');
like($at, qr/^0:\d+$/, 'lag: cursor');

my $left = $n - $c->{start}{partitions}[0]{offset};

is($c->records($left, TIME), $left, 'lag: up to the last record');

# reads again in time

$c = started('/patient');
fill($c);

# each has its time: nobody promises how fast small buffers are
my @got;

while (@got < MANY) {
	push @got, $c->next_record(TIME) // last;
}

is(@got, MANY, 'in time: every record');
is(scalar(grep { length $_->{value} != SIZE } @got), 0, 'in time: whole');
ok(!$c->{close}, 'in time: no close');
$b->produce($topic, 'next');
$n++;
ok(($c->records(1, TIME))[0]{value} eq 'next', 'in time: streams on');
all_read('in time', MANY + 1);

# one record that is much longer than the sockets' buffers

$c = started('/patient');

my $slow = status()->{slow};
my $big = join '', map { chr(97 + $_ % 26) } 1 .. 400_000;

$b->produce($topic, $big, 'after');
$n += 2;
ok(wait_for(TIME, sub { status()->{slow} > $slow }), 'half a frame: sent');
$c->ping('behind it');
@got = map { $_->{value} } $c->records(2, TIME);
ok($got[0] eq $big, 'half a frame: it comes whole');
ok($got[1] eq 'after', 'half a frame: the next one');
is($c->wait_pong(TIME), 'behind it', 'half a frame: pong');

# lapped by the ring: the sweep, or the client itself, finds out

all_read('half a frame', 2);
$c = started('/patient');
fill($c, 4);

my $lapped = 4 * MANY;

@got = $c->records(1e9, TIME);
ok(@got < $lapped, 'lapped: not every record');
ok($c->wait_eof(TIME), 'lapped: closed');
cmp_ok(status()->{lapped}, '>', 0, 'lapped: counted');
ok(wait_for(TIME, sub { status()->{closes}{4408} == 3 }),
	'lapped: closed with 4408');
is($c->{close}[1], $c->cursor, 'lapped: the reason is the cursor')
	if $c->{close};
ok($c->{eof} eq 'rst', 'lapped: cut off') unless $c->{close};

my $from = $c->cursor =~ s/.*://r;

$c = started('/patient?cursor=' . $c->cursor);
is($c->{start}{partitions}[0]{state}, 'gap', 'lapped: resume');

my $gap = $c->wait_event('gap', TIME);

is($gap->{from}, $from, 'lapped: gap from the cursor');
is($gap->{reason}, 'lapped', 'lapped: reason of the gap');
is(($c->records(1, TIME))[0]{offset}, $gap->{to} + 1, 'lapped: after it');
all_read('lapped', $lapped);

# an unanswered ping that cannot even be sent

$c = started('/ping', auto_pong => 0);
fill($c);
ok(wait_for(TIME, sub { status()->{closes}{1011} == 1 }),
	'ping: closed with 1011');
all_read('ping');

###############################################################################

sub started {
	my ($uri, @more) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri, rcvbuf => 32768,
		timeout => 20, @more);

	$c->{start} = $c->wait_event('start', 10);

	return $c;
}

# Fills the sockets of clients that do not read; the reader does.
# returns: when
sub fill {
	my ($c, $times) = @_;
	my $have = @{ $reader->{inbox} };
	my $since = now();

	for (1 .. $times // 1) {
		$b->produce($topic, map { 'x' x SIZE } 1 .. MANY);
		$n += MANY;
		$reader->until(now() + TIME, sub {
			@{ $reader->{inbox} } >= $have + $_ * MANY });
	}

	return $since;
}

sub all_read {
	my ($name, $count) = @_;

	$count //= MANY;

	return is(scalar($reader->records($count, TIME)), $count,
		"$name: the others have every record");
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
