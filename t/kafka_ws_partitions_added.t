#!/usr/bin/perl

# Partitions that are added to a topic while clients read it.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('added'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(17);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 32m;
        ring     1m;
        preload  off;
    }

    kafka_ws_format  json text;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /list {
            kafka_ws            c;
            kafka_ws_partition  0,3;
        }

        location /old {
            kafka_ws            c;
            kafka_ws_partition  0-1;
        }

        location /named {
            kafka_ws         c;
            kafka_ws_fields  topic partition value;
        }
    }
}

EOT

###############################################################################

my ($c, $list, $old, $named) = map { KafkaWS::Client->open($t->port(0), $_) }
	'/', '/list', '/old', '/named';
my $text = KafkaWS::Client->open($t->port(0), '/list',
	subprotocol => 'kafka.text.v1');

is(entries($_->wait_event('start', 10)), '0:0:start 1:0:start',
	'start of all partitions') for $c, $named;
is(entries($list->wait_event('start', 10)), '0:0:start',
	'start of those there are');
is(entries($old->wait_event('start', 10)), '0:0:start 1:0:start',
	'start of a list that is complete');

$b->produce($topic, map { { partition => $_, value => "before $_" } } 0, 1);
is(join(' ', sort map { $_->{value} } $c->records(2, 10)),
	'before 0 before 1', 'records before');

my $cursor = $c->cursor;

# records are written before anyone else knows of the partitions

$b->add_partitions($topic, 4);
$b->produce($topic, map { my $p = $_; map { { partition => $p,
	value => "$p/$_" } } 0 .. 9 } 2, 3);

my @added = @{ $c->wait_event('start', 20)->{partitions} };

# both at once, or one after the other
push @added, @{ $c->wait_event('start', 20)->{partitions} } if @added == 1;

is(entries({ partitions => \@added }), '2:0:start 3:0:start',
	'start event of its own');

my %got;

push @{ $got{ $_->{partition} } }, "$_->{offset} $_->{value}"
	for $c->records(20, 10);

is_deeply(\%got, { map { my $p = $_; $p => [map { "$_ $p/$_" } 0 .. 9] }
	2, 3 }, 'from the first record on');

is(entries($list->wait_event('start', 20)), '3:0:start',
	'list: start event of what it names');
is(join(' ', map { $_->{value} } $list->records(11, 10)),
	'before 0 ' . join(' ', map { "3/$_" } 0 .. 9), 'list: its records');

is(($named->wait_event('start', 20) // {})->{topic}, $topic,
	'topic in the start event');
is(join(' ', map { $_->{payload} } map { $text->next_message(10) } 1 .. 11),
	'before 0 ' . join(' ', map { "3/$_" } 0 .. 9),
	'text: from the first record on');

# those who did not ask for them do not hear of them

$b->produce($topic, map { { partition => $_, value => "after $_" } } 0 .. 3);
is(join(' ', map { $_->{value} } grep { $_->{partition} == 0 }
	$old->records(4, 10)), 'before 0 after 0', 'other list: records');
is(scalar $old->events, 0, 'other list: no event');

is(join(' ', sort map { $_->{value} } $c->records(4, 10)),
	'after 0 after 1 after 2 after 3', 'all go on');

# a cursor from before: what was added starts at its beginning

my $again = KafkaWS::Client->open($t->port(0), "/?cursor=$cursor");

is(entries($again->wait_event('start', 10)),
	'0:1:resumed 1:1:resumed 2:0:start 3:0:start',
	'resume with an older cursor');

%got = ();
$got{ $_->{partition} }++ for $again->records(24, 10);
is_deeply(\%got, { 0 => 1, 1 => 1, 2 => 11, 3 => 11 }, 'and its records');

is($again->cursor, '0:2,1:2,2:11,3:11', 'and the cursor behind them');

###############################################################################

# of a start event
sub entries {
	my ($start) = @_;

	return 'none' unless $start;
	return join ' ', map { "$_->{partition}:$_->{offset}:$_->{state}" }
		@{ $start->{partitions} };
}

###############################################################################
