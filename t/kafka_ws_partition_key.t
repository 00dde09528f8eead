#!/usr/bin/perl

# kafka_ws_partition key=: the partition that producers choose for a key.  A
# client that does not say its key gets none; when partitions are added it has
# to begin anew, for the key's records may be elsewhere.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

use constant { TIME => 20, PARTITIONS => 7, KEYS => 60 };

###############################################################################

my $b = KafkaWS::Broker->new();
my $kafka = $b->kind eq 'kafka';
my $topic = $b->create_topic($b->topic('key'), partitions => PARTITIONS);
my @keys = map { join '', map { chr 33 + rand 90 } 0 .. $_ % 23 } 1 .. KEYS;

# what cannot be in a header's value, or ends it
tr/,;/ab/ for @keys;

my $t = KafkaWS::Nginx->new(broker => $b)->plan($kafka ? 9 : 7);

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
        zone      c 32m;
        ring      256k;
        property  fetch.wait.max.ms 5;
        property  topic.metadata.refresh.interval.ms 500;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location = /java {
            kafka_ws            c;
            kafka_ws_partition  key=\$http_x_key;
        }

        location = /librdkafka {
            kafka_ws            c;
            kafka_ws_partition  key=\$http_x_key hash=crc32;
        }

        location = /status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# the first is there when the topic is

KafkaWS::Client->open($t->port(0), '/java', headers => ['X-Key', 'k'])
	->wait_event('start', TIME);

is_deeply([map { partition('/java', $_) } @keys],
	[map { murmur2(PARTITIONS, $_) } @keys], 'murmur2');

my @placed = map { { key => $_, value => $_, partition => -1 } } @keys;
my %live = map { $_ => KafkaWS::Client->open($t->port(0), '/librdkafka',
	headers => ['X-Key', $_]) } @keys[0 .. 9];

my %of = map { $_ => scalar @{ $live{$_}->wait_event('start', TIME)
	->{partitions} } } keys %live;

$b->produce($topic, @placed);

for my $key (@keys[0 .. 9]) {
	next if $of{$key} != 1;

	my $wanted = grep { $_ eq $key } @keys;

	# others' keys are in that partition, too
	while ($wanted && (my $r = $live{$key}->next_record(TIME))) {
		$wanted-- if $r->{key} eq $key;
	}

	delete $live{$key} if !$wanted;
}

is_deeply([keys %live], [], "crc32: where librdkafka's default puts them");

# one that moves when there is a partition more

my ($key) = grep { murmur2(PARTITIONS, $_) != murmur2(PARTITIONS + 1, $_) }
	@keys;
my $c = KafkaWS::Client->open($t->port(0), '/java', headers => ['X-Key', $key]);
my $start = $c->wait_event('start', TIME);

is(scalar @{ $start->{partitions} }, 1, 'one partition');

my $p = $start->{partitions}[0]{partition};

# no key; a cursor that names another partition

for my $headers ([], ['X-Key', '']) {
	is(KafkaWS::Client->connect($t->port(0), '/java', headers => $headers)
		->status, 403, @$headers ? 'an empty key' : 'no key');
}

my $not = ($p + 1) % PARTITIONS;

is(KafkaWS::Client->connect($t->port(0), "/java?cursor=$not:0",
	headers => ['X-Key', $key])->status, 400,
	'cursor of another partition');
is($t->status('/status')->{clusters}[0]{refusals}{partition}, 2,
	'refusals are counted');

if ($kafka) {
	$b->add_partitions($topic, PARTITIONS + 1);

	is(($c->wait_close(TIME))[0], 4410, 'partitions are added');

	is(partition('/java', $key), murmur2(PARTITIONS + 1, $key),
		'and then it is another one');
}

###############################################################################

# what a producer says
sub murmur2 {
	my ($n, $key) = @_;

	return ($b->ask("murmur2 $n " . unpack 'H*', $key) =~ /(\d+)$/)[0];
}

sub partition {
	my ($uri, $key) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri,
		headers => ['X-Key', $key]);
	my $start = $c->wait_event('start', TIME);

	return join ',', map { $_->{partition} } @{ $start->{partitions} };
}

###############################################################################
