#!/usr/bin/perl

# What ends one stream of a socket with commands ends that one alone, with an
# error event: a topic that is deleted, also under a stream that is paused; a
# key whose partition is another when some are added.  New partitions are told
# to the streams that have them.

# brokers: kafka
# timeout: 120

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

my $b = KafkaWS::Broker->new();
my $base = $b->topic('ends');
my ($gone, $paused, $grows, $stays) = map { $b->create_topic("$base.$_") }
	qw(gone paused grows stays);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(16);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $gone $paused $grows $stays;
        zone     c 16m;
        ring     64k;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_commands  on;

        location = / {
            kafka_ws  c;
        }

        location = /key {
            kafka_ws            c;
            kafka_ws_partition  key=\$arg_user;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $c = socket_of('/', $gone, $paused, $grows, $stays);
my $key = socket_of('/key?user=alice', $grows, $stays);

$c->ask(command => 'pause', topic => $paused);

# deleted

$b->delete_topic($_) for $gone, $paused;

my %told = map { my $e = $c->wait_event('error', 30); ($e->{topic} => $e) }
	1, 2;

for my $topic ($gone, $paused) {
	is_deeply($told{$topic}, { event => 'error', topic => $topic,
		code => 4404, message => 'the topic is gone' },
		'a topic that is gone');
}

both_stay('deleted');

is($c->ask(command => 'unsubscribe', topic => $gone)->{code}, 4409,
	'it has no stream');
ok(wait_for(20, sub { $c->ask(command => 'subscribe', topic => $gone)->{code}
	== 4404 }), 'nor can it have one');

# partitions are added

$b->add_partitions($grows, 3);

my $start = $c->wait_event('start', 30);

$start = $c->wait_event('start', 30) if @{ $start->{partitions} } == 1;

is($start->{topic}, $grows, 'new partitions are told');

$b->produce($grows, { partition => 2, value => 'new' });
is($c->next_record(20)->{value}, 'new', 'and stream');

is_deeply($key->wait_event('error', 30), { event => 'error',
	topic => $grows, code => 4410,
	message => 'the position is no longer held' }, 'a key moved');

both_stay('added');

is($key->ask(command => 'subscribe', topic => $grows)->{event}, 'subscribed',
	'to be subscribed again');
is(scalar(@{ $key->wait_event('start', 10)->{partitions} }), 1,
	'with its partition now');

# a stream that ends is no more: there is nothing left of it

$_->close(1000) for $c, $key;
is(($_->wait_close(10))[0], 1000, 'closed') for $c, $key;
ok(wait_for(10, sub { !$t->status()->{clusters}[0]{connections} }),
	'nobody is left');

###############################################################################

sub socket_of {
	my ($uri, @topics) = @_;
	my $c;

	wait_for(20, sub {
		$c = KafkaWS::Client->open($t->port(0), $uri, commands => 1);

		return @topics == grep { $c->ask(command => 'subscribe',
			topic => $_)->{event} eq 'subscribed' } @topics;
	}) or die "topics are not there\n";

	$c->wait_event('start', 10) for @topics;

	return $c;
}

sub both_stay {
	my ($what) = @_;

	$b->produce($stays, $what);
	is($_->next_record(10)->{value}, $what, "$what: others go on")
		for $c, $key;
}

###############################################################################
