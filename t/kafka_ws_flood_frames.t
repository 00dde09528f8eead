#!/usr/bin/perl

# Floods of frames on open connections: pings, fragments without end, empty
# ones, lengths that promise too much.

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

my $f = KafkaWS::Flood->new(floods => 4);

$f->start();

# each is answered, and none of these clients does wrong

$f->withstands('pings', mode => 'pings', uri => '/live', connections => 50,
	rate => 20000, burst => 16, ms => 700, alive => 50, stay => 1);

# the next one comes for each that is closed

$f->withstands('fragments of a byte', mode => 'fragments', uri => '/live',
	connections => 50, connects => 200, rate => 30_000, burst => 64,
	ms => 8000, count => 50, stay => 1, codes => { 1008 => 50 });

$f->withstands('empty fragments', mode => 'empty', uri => '/live',
	connections => 50, connects => 200, rate => 30_000, burst => 64,
	ms => 8000, count => 200, codes => { 1008 => 200 });

$f->withstands('lengths', mode => 'lengths', uri => '/live',
	connections => 50, connects => 500, rate => 20000, burst => 64,
	ms => 5000, count => 400, codes => { 1009 => 300, 1002 => 100 });

$f->finish();

###############################################################################
