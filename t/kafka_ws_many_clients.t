#!/usr/bin/perl

# 5,000 clients on two workers for a minute: each gets every record, in
# order, none twice, checked by value, and the workers' memory stays.

# brokers: kafka
# run: alone
# timeout: 240

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(sum max);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load qw(private_bytes);
use KafkaWS::Nginx qw(now);
use KafkaWS::Pace qw(amount unmeasured);

use constant {
	CLIENTS => amount(5000),
	PARTITIONS => 4,
	RATE => 20,
	SECONDS => 60,
	SLACK => 64 * 1024,
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('many'), partitions => PARTITIONS);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(9);

$t->write_file_expand('nginx.conf', <<"EOT")->run();
%%MODULE%%
%%GLOBALS%%
worker_processes 2;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_cluster c {
        brokers %%BROKERS%%;
        topics  $topic;
        zone    c 32m;
    }
    server {
        listen 127.0.0.1:%%PORT_0%% backlog=4096;
        location /t { kafka_ws c; }
        location = /kafka_ws_status { kafka_ws_status; }
    }
}
EOT

my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, partitions => PARTITIONS, run => 'many',
	records => RATE * SECONDS / PARTITIONS, seconds => SECONDS + 60,
	ready_in => 60);

my @workers = $t->worker_pids();
my $bulk = $b->bulk_start($topic, run => 'many', partitions => PARTITIONS,
	rate => RATE, size => 512, count => RATE * SECONDS);

my (@memory, $start);

# a sample a second of each worker
for ($start = now(); now() - $start < SECONDS; sleep 1) {
	push @memory, [map { private_bytes($_) } @workers];
}

my $produced = $bulk->result(30);
my $r = $load->result(90);

# the first ones may come before the topics are known
delete $r->{codes}{503};

is($produced->{failed}, 0, 'all records produced');
is($r->{done}, CLIENTS, 'every client has every record');
is($r->{records}, CLIENTS * RATE * SECONDS, 'records received');
is_deeply([@$r{qw(lost doubled reordered corrupt gaps)}], [0, 0, 0, 0, 0],
	'none lost, doubled, reordered or damaged');
is($r->{protocol}, 0, 'RFC 6455 held');
is($r->{reconnects}, 0, 'no connection lost');
is_deeply($r->{codes}, { 1000 => CLIENTS }, 'every Close answered');

is(scalar grep({ $_ > 0 } map { @$_ } @memory), 2 * @memory,
	'two workers, for all of it');

my @growth = map { my $w = $_;
	sum(map { $_->[$w] } @memory[-10 .. -1]) / 10
	- sum(map { $_->[$w] } @memory[0 .. 9]) / 10 } 0 .. $#workers;

SKIP: {
	unmeasured(1);
	cmp_ok(max(@growth), '<=', SLACK, 'memory of the workers');
}

note("growth per worker: @{[map { int } @growth]} bytes of "
	. "@{$memory[0]}; $r->{text}");
