#!/usr/bin/perl

# permessage-deflate costs an idle connection no memory: 4,000 clients that
# agreed on it and got a compressed record, beside 4,000 that did not.

# brokers: kafka mock
# run: alone
# timeout: 240

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Bench;
use KafkaWS::Broker;
use KafkaWS::Nginx;
use KafkaWS::Pace qw(amount unmeasured);

use constant {
	CLIENTS => amount(4000),
	SLACK => 64,
};

my $bench = KafkaWS::Bench->new(KafkaWS::Broker->new());

KafkaWS::Nginx->plan(3);

my $plain = $bench->idle_bytes(CLIENTS, '');
my $deflate = $bench->idle_bytes(CLIENTS, 'kafka_ws_deflate on;',
	deflate => 1);

SKIP: {
	unmeasured(3);

	# what is measured are connections at all
	cmp_ok($plain, '>', 1024, 'bytes of a plain connection');
	cmp_ok($deflate, '>', 1024,
		'bytes of a connection with permessage-deflate');
	cmp_ok(abs($deflate - $plain), '<=', SLACK, 'the difference');
}

note(sprintf 'private memory of the worker per idle client: plain %.1f B, '
	. 'permessage-deflate %.1f B', $plain, $deflate);
