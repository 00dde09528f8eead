#!/usr/bin/perl

# Five clusters, all of whose brokers come and go, with topics that Kafka has
# errors for, now and then: the helper that serves them writes at most ten
# lines a minute, and the end of whatever it told.

# brokers: mock
# run: waits
# timeout: 400

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);

use constant { TIME => 20, CLUSTERS => 5, TOPICS => 3, LINES => 10,
	MINUTE => 70, FLAPPING => 70 };

my @b = map { KafkaWS::Broker->new(own => 1) } 1 .. CLUSTERS;
my (@flow, @bad, $clusters, $locations);

for my $i (0 .. $#b) {
	my ($b, $at) = ($b[$i], $b[$i]->bootstrap);

	$flow[$i] = $b->create_topic($b->topic("flow$i"));
	$bad[$i] = [map { $b->create_topic($b->topic("bad$i")) } 1 .. TOPICS];

	$clusters .= "    kafka_ws_cluster c$i { brokers $at;\n"
		. "        topics $flow[$i] @{ $bad[$i] }; zone c$i 32m;\n"
		. "        property fetch.wait.max.ms 5; }\n";
	$locations .= "        location /$i { kafka_ws c$i;\n"
		. "            kafka_ws_topic $flow[$i]; }\n";
}

my $t = KafkaWS::Nginx->new(broker => $b[0])->plan(8
	+ CLUSTERS + KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  5s timeout=10m;

$clusters

    server {
        listen  127.0.0.1:%%PORT_0%%;

$locations

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
my @c = map { KafkaWS::Client->open($t->port(0), "/$_") } 0 .. $#b;

$near->quiet();

# all at once, after a quiet time: each has its line, and the line on its end

$_->down() for @b;
ok(wait_for(TIME, sub { lines(qr/no broker can be reached/) == CLUSTERS }),
	'each of five outages is told');
$_->up() for @b;
ok(wait_for(TIME, sub { lines(qr/broker reached again/) == CLUSTERS }),
	'and its end');

# nothing but that in this minute, then all of it again and again

my $until = now() + within(FLAPPING);
my $round = 0;

while (now() < $until) {
	$round++;

	for my $i (0 .. $#b) {
		my $b = $b[($i + $round) % @b];
		my $bad = $bad[($i + $round) % @b];

		$b->topic_error($_, $round % 2 ? 29 : 0) for @$bad;
		$b->down() if $round % 2;
		sleep 0.3;
	}

	sleep 2;
	$_->up() for @b;
	sleep 4;

	# the even ones have taken the errors back
	$near->quiet() unless $round % 2;
}

note("$round rounds");

# one that begins while there is no room is told if it lasts

for my $i (0 .. $#b) {
	$b[$i]->topic_error($_, 0) for @{ $bad[$i] };
}

wait_for(TIME, sub { !grep { $_->{broker}{state} ne 'up' } clusters() });

my $from = length $t->log();

$b[0]->down();
ok(wait_for(within(2 * MINUTE), sub {
	lines(qr/cluster "c0": no broker can be reached/, $from) == 1 }),
	'an outage that lasts is told, if later');
$b[0]->up();

# ends that wait for room

my %open;

ok(wait_for(within(2 * MINUTE), sub { %open = begun(); !%open }),
	'what was told to begin was told to end')
	or diag(join ', ', sort keys %open);

is(lines(qr/\(and \d+ errors before\)|\d+ more messages/) > 0, 1,
	'what was not told was counted');
cmp_ok(KafkaWS::Neighbour::busiest($t), '>', LINES / 2,
	'there was much to tell');
is(lines(qr/\[(?:emerg|crit|alert)\]/), 0, 'nothing worse');

for my $i (0 .. $#b) {
	$b[$i]->produce($flow[$i], "v$i");
	is(eval { ($c[$i]->records(1, within(TIME)))[0]{value} }, "v$i",
		"cluster $i: its stream goes on");
}

$near->finish();

is(scalar(grep { $_->{gaps} } clusters()), 0, 'no gaps');

###############################################################################

# What was told to begin and not to end, by name.  An error of a topic may
# change in between.
sub begun {
	my %open;

	for (split /\n/, $t->log()) {
		my ($c, $text) = /cluster "(c\d)": (.*)/ or next;

		if ($text =~ /^no broker can be reached/) {
			$open{"$c doubled"} = 1 if $open{$c};
			$open{$c} = 1;

		} elsif ($text =~ /^broker reached again/) {
			delete $open{$c} or $open{"$c end"} = 1;

		} elsif ($text =~ /^(topic "[^"]+") can be had/) {
			delete $open{$1} or $open{"$1 end"} = 1;

		} elsif ($text =~ /^topic "[^"]+" partition/) {
			$open{"$c partitions"} = 1;

		} elsif ($text =~ /^all partitions/) {
			delete $open{"$c partitions"};

		} elsif ($text =~ /^(topic "[^"]+"): /) {
			$open{$1} = 1;
		}
	}

	return %open;
}

sub lines {
	my ($pattern, $from) = @_;

	return scalar grep { $_ =~ $pattern }
		split /\n/, substr $t->log(), $from // 0;
}

sub clusters { return @{ $t->status()->{clusters} } }

###############################################################################
