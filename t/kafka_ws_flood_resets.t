#!/usr/bin/perl

# Clients that end by RST in every state of a connection.

# brokers: kafka
# run: alone
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use KafkaWS::Flood;

###############################################################################

my $f = KafkaWS::Flood->new(floods => 2);

$f->start();

# before, within and after the handshake, in the stream, within frames of
# both sides, after a fault, after either Close and after both

$f->withstands('resets', mode => 'resets', uri => '/tail', connections => 100,
	count => 1600, connects => 2000, records => 3, ms => 5000,
	codes => { 1000 => 90, 1002 => 90, 101 => 1000 });

# with frames of 200,000 bytes, of which there is always a part unread

$f->withstands('resets in large frames', mode => 'resets', uri => '/big',
	connections => 20, count => 320, connects => 400, records => 1,
	ms => 5000, codes => { 1000 => 19, 1002 => 19, 101 => 200 });

$f->finish();

###############################################################################
