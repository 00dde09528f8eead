#!/usr/bin/perl

# What runs nginx under valgrind reports each kind of fault, of a forked
# child, too, and nothing where there is none.

# brokers: none

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp qw(tempdir);
use Test::More;

use KafkaWS::Process qw(root tool);
use KafkaWS::Reports;

my %report = (
	sent => qr/write\(buf\) points to uninitialised byte/,
	frame => qr/Uninitialised byte.* found during client check/,
	read => qr/Invalid read of size 1/,
	branch => qr/depends on uninitialised value/,
	lost => qr/32 bytes in 1 blocks are definitely lost/,
	open => qr/Open file descriptor \d+: .dev.null/,
);

plan tests => 2 * keys(%report) + 2;

for my $kind ('none', sort keys %report) {
	my $dir = tempdir(CLEANUP => 1);
	my $said = memcheck($dir, $kind);
	my $log = join "\n", KafkaWS::Reports::of($dir);

	if ($kind eq 'none') {
		unlike("$said$log", qr/\S/, 'no fault: files');
		is(memcheck(undef, $kind), '', 'no fault: exit code');
		next;
	}

	like($log, $report{$kind}, "$kind: file");

	# these are only looked at in nginx
	like(memcheck(undef, $kind), $kind =~ /^(?:frame|open)$/ ? qr/^$/
		: qr/$report{$kind}.*^exit code 99$/ms, "$kind: exit code");
}

# returns: what it prints, and its exit code
sub memcheck {
	my ($dir, $kind) = @_;

	local $ENV{TEST_NGINX_DIR} = $dir;
	delete $ENV{TEST_NGINX_DIR} unless defined $dir;

	my $said = `@{[ root() ]}/t/valgrind/memcheck @{[ tool('faulty') ]} \\
		$kind 2>&1`;

	return $said . ($? ? 'exit code ' . ($? >> 8) . "\n" : '');
}
