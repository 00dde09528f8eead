#!/usr/bin/perl

# Three clusters and fifty streams of all formats, with one worker, with 64,
# and without a master: each starts, streams, is reloaded and stops.

# brokers: kafka mock
# timeout: 300

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(amount);

use constant { TIME => 20, CLUSTERS => 3, STREAMS => 50, MANY => amount(64) };

# of locations, in turn
my @kinds = (
	['json'],
	['json', 'kafka_ws_fields offset value;'],
	['json', 'kafka_ws_value json;'],
	['text', 'kafka_ws_gap close;'],
	['binary', 'kafka_ws_gap close;'],
);

my $kafka = KafkaWS::Broker->new();
my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(2 + 2 * 5);

for my $workers (0, 1, MANY) {
	my $name = $workers ? "$workers workers" : 'no master';
	my @topics = map { $kafka->create_topic($kafka->topic(
		"matrix$workers-$_")) } 0 .. CLUSTERS - 1;

	conf($workers, @topics);
	$t->run();

	my @c = clients(@topics);

	is(deliver("$name, first", \@topics, @c), STREAMS, "$name: streams");

	if ($workers) {
		my @pids;

		wait_for(TIME, sub { (@pids = $t->worker_pids()) == $workers });
		is(@pids, $workers, "$name: they are there");

		$t->reload();
		is(scalar(grep { closed($_) == 1012 } @c), STREAMS,
			"$name: a reload");

		@c = clients(@topics);
		is(deliver("$name, reloaded", \@topics, @c), STREAMS,
			"$name: streams after it");
	}

	ok($t->stop(), "$name: stop");
}

###############################################################################

# one of each location, all of which have begun
sub clients {
	my (@topics) = @_;
	my @c = map { KafkaWS::Client->open($t->port(0), "/s$_",
		subprotocol => 'kafka.' . $kinds[$_ % @kinds][0] . '.v1') }
		0 .. STREAMS - 1;

	for my $n (grep { $kinds[$_ % @kinds][0] eq 'json' } 0 .. $#c) {
		$c[$n]->wait_event('start', TIME);
	}

	# the others have no event: they have begun when anything comes
	my @mute = grep { $_->{format} ne 'json' } @c;

	wait_for(TIME, sub {
		$kafka->produce($_, 'begin') for @topics;
		@mute = grep { !$_->next_message(0.1) } @mute;

		return !@mute;
	});

	return @c;
}

# returns: how many clients get a record, the next one but those to begin
sub deliver {
	my ($value, $topics, @c) = @_;

	$kafka->produce($_, $value) for @$topics;

	return scalar grep { $_ eq $value } map { received($_) } @c;
}

sub received {
	my ($c) = @_;
	my $m = $c->take(TIME, sub { !defined $_[0]{event}
		&& value_of($_[0]) ne 'begin' });

	return $m ? value_of($m) : '';
}

sub value_of { return $_[0]{value} // $_[0]{payload} // '' }

sub closed {
	my ($c) = @_;

	return (eval { $c->wait_close(TIME) })[0] // 0;
}

sub conf {
	my ($workers, @topics) = @_;
	my ($clusters, $locations) = ('', '');
	my $process = $workers ? "worker_processes $workers;"
		: 'master_process off;';

	for my $i (0 .. $#topics) {
		$clusters .= "    kafka_ws_cluster c$i { brokers %%BROKERS%%;\n"
			. "        topics $topics[$i]; zone c$i 32m;\n"
			. "        property fetch.wait.max.ms 5; }\n";
	}

	for my $n (0 .. STREAMS - 1) {
		my ($format, $more) = @{ $kinds[$n % @kinds] };

		$locations .= "        location = /s$n { kafka_ws c"
			. $n % CLUSTERS . "; kafka_ws_format $format; "
			. ($more // '') . " }\n";
	}

	$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

$process

events {
}

http {
    %%GLOBALS_HTTP%%

    # nobody reads while the others connect
    kafka_ws_ping  5m;

$clusters

    server {
        listen  127.0.0.1:%%PORT_0%%;

$locations

    }
}

EOT
}

###############################################################################
