#!/usr/bin/perl

# Several streams of a client that does not read for a while: the socket is
# full for all of them.  Each goes on where it was, in turns, whole frames and
# all; what ends meanwhile is told; a client that is too slow is closed.

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
use KafkaWS::Nginx qw(wait_for);

use constant { TOPICS => 4, RECORDS => 40, SIZE => 20_000, LAG => 1,
	TIME => 20 };

my $b = KafkaWS::Broker->new();
my @topics = map { $b->create_topic($b->topic("slow$_"), partitions => 2) }
	0 .. TOPICS - 1;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(19);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    @topics;
        zone      c 64m;
        ring      4m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_topic     $topics[0];
        kafka_ws_commands  on;
        kafka_ws_ping      5m;

        location = / {
            kafka_ws       c;
            kafka_ws_slow  skip buffer=8k;
        }

        location = /close {
            kafka_ws       c;
            kafka_ws_slow  close lag=${\LAG}s buffer=8k;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $c = open_at('/');
my $n = 0;

send_all();

ok(wait_for(TIME, sub { status()->{slow} >= 1 }), 'the socket is full');

# commands are taken meanwhile, and answered in their order

$c->command(id => 'p', command => 'pause', topic => $topics[1]);
$c->command(id => 'r', command => 'resume', topic => $topics[1]);
$c->command(id => 'u', command => 'unsubscribe', topic => $topics[2]);
$c->command(id => 'n', command => 'unsubscribe', topic => 'nothing');

my $whole = 2 * RECORDS;
my (%got, @answers, $cursor);

while (my $m = $c->next_json(20)) {
	if (!defined $m->{event}) {
		$got{ $m->{topic} }{"$m->{partition} $m->{offset}"}++;

	} elsif (defined $m->{id}) {
		push @answers, $m->{id};
		$cursor = $m->{cursor} if $m->{id} eq 'u';
	}

	last if @answers == 4
		&& 3 == grep { keys %{ $got{$_} // {} } == $whole }
			@topics[0, 1, 3];
}

is("@answers", 'p r u n', 'answers in the order of the commands');
is(scalar(keys %{ $got{ $topics[$_] } }), $whole, "all of topic $_")
	for 0, 1, 3;
is(scalar(grep { $_ != 1 } map { values %$_ } values %got), 0, 'each once');

my @had = map { my $p = $_; scalar grep { /^$p / }
	keys %{ $got{ $topics[2] } // {} } } 0, 1;

is($cursor, "0:$had[0],1:$had[1]", 'what ended ended where it says');

# the rest of that one

my $rest = $whole - $had[0] - $had[1];

$c->ask(command => 'subscribe', topic => $topics[2], cursor => $cursor);
is(scalar(() = $c->records($rest, 20)), $rest, 'and goes on there');

# the same, with the socket full many times

for my $round (1 .. 3) {
	send_all();
	select undef, undef, undef, 0.3;

	my @r = $c->records($whole * TOPICS, 30);
	my %once = map { ("$_->{topic} $_->{partition} $_->{offset}" => 1) }
		@r;

	is(scalar(keys %once), $whole * TOPICS, "round $round: all of them");
}

# answers wait for their place in the socket, and nothing is read meanwhile

send_all();

ok(wait_for(TIME, sub { status()->{slow} >= 2 }), 'full again');

$c->command(id => $_, command => 'seek', topic => 'nothing',
	start => 'latest') for 1 .. 150;

is(scalar(() = $c->records($whole * TOPICS, 30)), $whole * TOPICS,
	'all of them, with answers between');

# the last of them may come behind the last record

my @ids = map { $_->{id} // () } $c->events();

while (@ids < 150) {
	my $answer = $c->take(TIME, sub { defined $_[0]{id} }) or last;

	push @ids, $answer->{id};
}

is(join(' ', @ids, map { $_->{id} // () } $c->events()),
	join(' ', 1 .. 150), 'and all answers');

# a client that is too slow is closed, with all its streams

my $late = open_at('/close');

send_all();

ok(wait_for(TIME, sub { status()->{closes}{4408} }), 'too slow');
is(status()->{connections}, 1, 'it is gone');

is(scalar(() = $c->records($whole * TOPICS, 30)), $whole * TOPICS,
	'another is not');

# the same with nobody else there: all routes of the worker go at once

$c->close(1000);
$c->wait_close(10);

for my $n (2, 3) {
	$late = open_at('/close');

	send_all();

	ok(wait_for(TIME, sub { status()->{closes}{4408} == $n
		&& !status()->{connections} }), "alone: too slow, $n");
}

###############################################################################

sub open_at {
	my ($uri) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri, commands => 1,
		rcvbuf => 65536);

	$c->wait_event('start', 10);

	for my $topic (@topics[1 .. $#topics]) {
		$c->ask(command => 'subscribe', topic => $topic);
		$c->wait_event('start', 10);
	}

	return $c;
}

sub send_all {
	for my $topic (@topics) {
		$b->produce($topic, map { my $v = $n++ . 'x' x SIZE;
			{ partition => 0, value => $v },
			{ partition => 1, value => $v } } 1 .. RECORDS);
	}
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
