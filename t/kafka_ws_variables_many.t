#!/usr/bin/perl

# More clients than a slice of a pass sends to, which leave while records are
# on their way to them, some with and some without a filter: the log has for
# each of them what it has got, and not what the others had by then.

# brokers: kafka mock
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
use KafkaWS::Pace qw(amount);

use constant { TIME => 30, CLIENTS => amount(320, 20), RATE => 300 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('variables-many'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(4);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
    worker_connections  2048;
}

http {
    %%GLOBALS_HTTP%%

    log_format  stream  '\$request_uri \$kafka_ws_records \$kafka_ws_bytes '
                        '\$kafka_ws_close';

    # who is not read for long does not answer, either
    kafka_ws_ping  5m;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        access_log  %%TESTDIR%%/stream.log stream;

        location /all {
            kafka_ws  c;
        }

        location /some {
            kafka_ws         c;
            kafka_ws_filter  key ^= \$arg_key;
        }
    }
}

EOT

###############################################################################

# half of those with a filter want one record of four, the others all

my @clients = map { KafkaWS::Client->open($t->port(0), uri($_)) }
	1 .. 2 * CLIENTS;

$_->wait_event('start', TIME) for @clients;

my $bulk = $b->bulk_start($topic, rate => RATE, keys => 4, size => 100);

# each second of them says so, while records come

for my $c (@clients) {
	select undef, undef, undef, 2 / @clients;
	$c->{uri} =~ /[02468]&/ ? $c->close(1000) : $c->disconnect();
}

$bulk->stop();

# those that said Close read on to the answer: what was sent before it

my %got;

for my $c (@clients) {
	next unless $c->{uri} =~ /[02468]&/;

	my ($records, $bytes) = (0, 0);

	while (my $m = $c->next_json(TIME)) {
		next if defined $m->{event};
		$records++;
		$bytes += length $c->last_payload();
	}

	$got{ $c->{uri} } = "$records $bytes 1000";
}

$_->disconnect() for @clients;

my %log;

ok(wait_for(TIME, sub { %log = map { /^(\S+) (.*)/ ? ($1 => $2) : () }
	split /\n/, $t->read_testfile('stream.log');
	keys %log == @clients }), 'a line for each client');

my %told = map { $_ => $log{$_} } keys %got;

is_deeply(\%told, \%got, 'the numbers are those that each has seen');

my %numbers = map { (split)[0] => 1 } values %got;

cmp_ok(scalar(keys %numbers), '>', CLIENTS / 20, 'they left in between');
is(scalar(grep { !/ 1006$/ } @log{ grep { !exists $got{$_} } keys %log }), 0,
	'those that were cut have that code');

###############################################################################

sub uri {
	my ($n) = @_;

	return "/all?$n&" if $n % 4 < 2;
	return "/some?$n&key=k" . ($n % 8 < 4 ? '' : 1);
}

###############################################################################
