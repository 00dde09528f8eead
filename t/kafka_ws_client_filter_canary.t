#!/usr/bin/perl

# Four hundred clients that narrow a topic to their own key, by the URL and by
# a command, within the quarter of the users that the operator lets them have
# by a header: each gets exactly its own records, while connections are cut and
# nginx is reloaded, live and of what is older than the ring.  Those who ask
# for a key of another quarter get nothing.

# brokers: kafka
# run: alone
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(amount within);

# as in kafka_ws_filter_canary.t; four quarters of the users
use constant {
	USERS => 4 * amount(100),
	PARTITIONS => 3,
	EACH => 100,			# records of a user on each partition
	OLDER => 6,			# the same, of a topic of older ones
	SOME => 40,			# clients that want those
	RATE => amount(15_000),
	RELOADS => 2,
	FOREIGN => 20,			# clients that ask for others' keys
};

my $b = KafkaWS::Broker->new();
my ($topic, $older) = map { $b->create_topic($b->topic($_),
	partitions => PARTITIONS) } qw(own older);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(9 + 4 * 8);

# a list of the users for each quarter
my $locations = join "\n", map {
	my $n = $_;
	my $users = join ',', map { 'k' . (4 * $_ + $n) } 0 .. USERS / 4 - 1;

	map { <<"EOT" }
        location = /$_->[0]/$n {
            kafka_ws         $_->[1];
            kafka_ws_filter  header:to in $users;
            $_->[2]
        }
EOT
		['url', 'c', "kafka_ws_topic $topic;"],
		['older/url', 'd', "kafka_ws_topic $older;"],
		['command', 'c', 'kafka_ws_commands on;'],
		['older/command', 'd', 'kafka_ws_commands on;'];
} 0 .. 3;

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
    worker_connections  2048;
}

http {
    %%GLOBALS_HTTP%%

    log_format  stream  '\$arg_foreign \$kafka_ws_records '
                        '\$kafka_ws_cursor';
    access_log  %%TESTDIR%%/stream.log stream if=\$arg_foreign;

    kafka_ws_drain  1s;

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic ~^never\$;
        zone     c 128m;
        ring     8m;
    }

    # holds a tenth of them

    kafka_ws_cluster d {
        brokers  %%BROKERS%%;
        topics   $older ~^never\$;
        zone     d 64m;
        ring     64k;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_fields         partition offset value;
        kafka_ws_client_filter  key;
        kafka_ws_start          earliest;
        kafka_ws_backfill       records=1000000;
        kafka_ws_slow           close lag=5m;

$locations
    }
}

EOT

###############################################################################

ok(wait_for(within(20), sub {
	my $c = KafkaWS::Client->open($t->port(0), '/command/0', commands => 1);

	return ($c->ask(command => 'subscribe', topic => $topic)->{code} // 0)
		!= 1013;
}), 'topics are known');

# live

my $seconds = USERS * PARTITIONS * EACH / RATE;
my @foreign = map { foreign($_, 'live') } 1 .. FOREIGN;
my @load = map { load($_, '', $topic, EACH, USERS) } 'url', 'command';
my $bulk = bulk($topic, EACH, rate => RATE);
my $done = 0;

for (1 .. RELOADS) {
	sleep $seconds / (RELOADS + 1) / 2;
	$t->reload();
	push @foreign, map { foreign($_, 'live') } 1 .. FOREIGN;
	$done++ if wait_for(20, sub { !$t->old_worker_pids() });
}

push @foreign, map { foreign($_, 'held') } 1 .. FOREIGN;

is($bulk->result()->{acked}, USERS * PARTITIONS * EACH, 'records produced');
is($done, RELOADS, 'reloads');
judge('live, URL', USERS, EACH, $load[0]);
judge('live, command', USERS, EACH, $load[1]);

# older than the ring

bulk($older, OLDER)->result();

push @foreign, map { foreign($_, 'older', '/older') } 1 .. FOREIGN;
@load = map { load($_, '/older', $older, OLDER, SOME) } 'url', 'command';
judge('older, URL', SOME, OLDER, $load[0]);
judge('older, command', SOME, OLDER, $load[1]);

# those of another quarter: they were given nothing, and all was looked at

is(sum0(map { records($_) } @foreign), 0, 'records of another quarter');

my %seen = log_of(scalar @foreign);
my %each = (held => EACH, older => OLDER);

for my $batch (qw(live held older)) {
	my @lines = @{ $seen{$batch} // [] };

	is(sum0(map { $_->[0] } @lines), 0, "$batch: none sent");

	next unless $each{$batch};

	my $end = join ',', map { "$_:" . USERS * $each{$batch} }
		0 .. PARTITIONS - 1;

	is(scalar(grep { $_->[1] eq $end } @lines), FOREIGN,
		"$batch: to the end");
}

###############################################################################

# each user's records in turn, with its name as key and as header
sub bulk {
	my ($topic, $each, @more) = @_;

	return $b->bulk_start($topic, run => 'canary', owner => 1, keyed => 1,
		header => 'to', keys => USERS, partitions => PARTITIONS,
		count => USERS * PARTITIONS * $each, size => 100, @more);
}

sub load {
	my ($way, $where, $topic, $each, $clients) = @_;

	return KafkaWS::Load->start(port => $t->port(0), owner_by => 'key',
		uri => [map { "$where/$way/$_" } 0 .. 3],
		$way eq 'url' ? () : (owner_filter => 1, subscribe => $topic),
		connections => $clients, owners => USERS, run => 'canary',
		partitions => PARTITIONS, records => USERS * $each,
		cut => int($each * PARTITIONS / 5), seconds => $seconds + 60);
}

# one that asks for a key of another quarter, by the URL or by a command
sub foreign {
	my ($n, $batch, $where) = @_;
	my $quarter = $n % 4;
	my $key = 'k' . ($n * 4 + $quarter + 1 + $n % 3) % USERS;
	my $uri = ($where // '') . ($n & 4 ? '/command/' : '/url/') . $quarter
		. "?foreign=$batch";
	my $c = KafkaWS::Client->open($t->port(0),
		$n & 4 ? $uri : "$uri&key=$key", commands => $n & 4);

	$c->ask(command => 'subscribe', topic => $where ? $older : $topic,
		filter => { key => $key }) if $n & 4;
	$c->wait_event('start', 20);

	return $c;
}

# what came, until it is closed
sub records {
	my ($c) = @_;

	$c->close(1000);
	$c->wait_close(20);

	return scalar(() = $c->records(1e9, 0));
}

# lines of the log, by batch: [records, cursor]
sub log_of {
	my ($count) = @_;
	my %lines;

	wait_for(20, sub {
		%lines = ();

		my $text = $t->read_testfile('stream.log');

		push @{ $lines{$1} }, [$2, $3]
			while $text =~ /^(\w+) (\d+) (\S+)$/mg;

		return sum0(map { scalar @$_ } values %lines) >= $count;
	}) or diag('lines are missing');

	return %lines;
}

sub judge {
	my ($name, $clients, $each, $load) = @_;
	my $r = $load->result(within(90));

	is($r->{foreign}, 0, "$name: records of another user");
	is($r->{lost}, 0, "$name: lost");
	is($r->{doubled} + $r->{reordered}, 0, "$name: doubled, reordered");
	is($r->{corrupt} + $r->{protocol} + $r->{errors}, 0,
		"$name: damaged");
	is($r->{gaps} + $r->{moved}, 0, "$name: gaps");
	is($r->{records}, $clients * PARTITIONS * $each,
		"$name: each record once");
	is($r->{done}, $clients, "$name: everyone has all");
	cmp_ok($r->{reconnects}, '>=', $clients, "$name: came back");

	note("$name: $r->{text}");
}

###############################################################################
