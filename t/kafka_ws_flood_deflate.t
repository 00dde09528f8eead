#!/usr/bin/perl

# Compressed messages that would be a thousand times as long, or are not what
# they say.

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

my $f = KafkaWS::Flood->new(floods => 1, http => <<'EOT');
    kafka_ws_deflate  on 1 min=64;
EOT

$f->start();

# 4 KB that are 3 MB, whole, cut off and in fragments; 4096 bytes, which are
# just refused as data; no deflate data

$f->withstands('deflate bombs', mode => 'bombs', uri => '/live', deflate => 1,
	connections => 50, connects => 1000, count => 1000, ms => 5000,
	codes => { 1009 => 600, 1007 => 200, 1003 => 200 });

$f->finish();

###############################################################################
