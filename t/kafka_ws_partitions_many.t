#!/usr/bin/perl

# Many partitions and many routes: a record comes to those who want it as soon
# as of one partition, not with the tick that looks at all of them.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(now);
use KafkaWS::Pace qw(unmeasured);

###############################################################################

# more than there are bits for streams, so that some share one
use constant { PARTITIONS => 300, RECORDS => 61, TIME => 30, BURST => 1500 };

my $broker = KafkaWS::Broker->new();
my $topic = $broker->create_topic($broker->topic('many'),
	partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $broker)->plan(9);

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
        ring      64k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /of {
            kafka_ws            c;
            kafka_ws_partition  \$arg_p;
        }
    }
}

EOT

###############################################################################

# one of all, and one of each, which are as many routes

my $all = KafkaWS::Client->open($t->port(0), '/', ready => TIME);

is(scalar @{ $all->wait_event('start', TIME)->{partitions} }, PARTITIONS,
	'all partitions');

my @one = map { KafkaWS::Client->open($t->port(0), "/of?p=$_") }
	0 .. PARTITIONS - 1;

is((grep { @{ $_->wait_event('start', TIME)->{partitions} } == 1 } @one),
	PARTITIONS, 'one of each');

my (@times, $missed);

for (1 .. RECORDS) {
	my $p = int rand PARTITIONS;

	$broker->produce($topic, { partition => $p, value => $_ });

	# what a broker takes is not nginx's
	my $since = now();

	for my $c ($all, $one[$p]) {
		my ($r) = $c->records(1, TIME);

		$missed++ unless $r && $r->{value} eq $_
			&& $r->{partition} == $p;
		push @times, now() - $since;
	}

	# until all sleep again
	select undef, undef, undef, 0.01;
}

is($missed, undef, 'every record, of a partition now and then');

SKIP: {
	unmeasured(1);
	@times = sort { $a <=> $b } @times;
	cmp_ok($times[$#times / 2], '<', 0.04, 'median until a client has it');
}

# all of them at once

$broker->produce($topic, map { { partition => $_ % PARTITIONS,
	value => "burst $_" } } 0 .. BURST - 1);

my (%got, %of);

$got{ $_->{partition} } .= "$_->{value}," for $all->records(BURST, TIME);

for my $p (0 .. PARTITIONS - 1) {
	$of{$p} .= "$_->{value}," for $one[$p]->records(BURST / PARTITIONS,
		TIME);
}

my %want = map { my $p = $_; $p => join '', map { 'burst '
	. ($p + $_ * PARTITIONS) . ',' } 0 .. BURST / PARTITIONS - 1 }
	0 .. PARTITIONS - 1;

is_deeply(\%got, \%want, 'a burst over all partitions, each in its order');
is_deeply(\%of, \%want, 'and to those who have one of them');

# those who leave take nothing with them

$_->disconnect() for @one[1 .. PARTITIONS - 1];

$broker->produce($topic, map { { partition => $_, value => 'last' } }
	0, 299, 44);

is(join(' ', sort map { $_->{partition} } $all->records(3, TIME)), '0 299 44',
	'others have left');
is(($one[0]->records(1, TIME))[0]{value}, 'last', 'and one is left');

my $again = KafkaWS::Client->open($t->port(0), '/of?p=299');

$again->wait_event('start', TIME);
$broker->produce($topic, { partition => 299, value => 'again' });

is(($again->records(1, TIME))[0]{value}, 'again', 'one has come back');

###############################################################################
