#!/usr/bin/perl

# The example configurations load as they are, for a user who has the module
# in modules/.  For the test the files that nginx writes are put elsewhere,
# and a certificate is made.

# brokers: none

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Nginx;
use KafkaWS::Process;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my @wanted = qw(auth-request behind-proxy development-mock filter limits
	many-partitions many-workers minimal resume status tls-clients
	tls-sasl-broker topics);
my %found = map { m{([^/]+)\.conf$} => $_ }
	glob "$FindBin::Bin/../conf-examples/*.conf";

my $t = KafkaWS::Nginx->new();
my $d = $t->testdir();

$t->plan(1 + 3 * keys %found);

is_deeply([grep { !$found{$_} } @wanted], [], 'no example is missing');

symlink KafkaWS::Nginx::module_dir(), "$d/modules" or die "modules: $!\n";
mkdir "$d/$_" or die "$_: $!\n" for qw(conf log);

certificate("$d/conf");

for my $name (sort keys %found) {
	my $text = read_file($found{$name});

	like($text, qr/\A# .{10,}\n# To try: .*\n# .{10,}\n\n\S/,
		"$name: head of three lines");
	is(scalar(() = $text
		=~ /^load_module modules\/ngx_kafka_ws_module\.so;$/mg), 1,
		"$name: loads the module from modules/");

	my ($code, $out) = check($text);

	ok($code == 0 && $out !~ /\[(?:warn|error|alert|emerg)\]/,
		"$name: nginx -t") or diag("exit code $code:\n$out");
}


sub check {
	my ($text) = @_;
	my $out = "$d/log/out.log";
	my $temp = join ' ', map { "${_}_temp_path $d/$_;" }
		qw(client_body proxy fastcgi uwsgi scgi);

	$text =~ s/^http \{$/http { access_log $d\/log\/access.log; $temp/m
		or die "no http block\n";
	$text =~ s{/var/log/nginx/}{$d/log/}g;
	$text =~ s{listen ( +)(?=\d+[ ;])}{listen $1 127.0.0.1:}g;

	$t->write_file('conf/nginx.conf', $text);
	unlink $out;

	my $p = KafkaWS::Process->start(log => $out, env => $t->environment(),
		command => [KafkaWS::Nginx::binary(), '-t', '-p', "$d/",
			'-c', "$d/conf/nginx.conf", '-e', "$d/log/error.log",
			'-g', "pid $d/log/nginx.pid;"]);

	$p->wait(30) or die "nginx -t hangs\n";

	return ($p->status >> 8 || $p->status & 127, read_file($out));
}

sub certificate {
	my ($dir) = @_;
	my $out = "$d/log/openssl.log";
	my $p = KafkaWS::Process->start(log => $out, command => [qw(openssl req
		-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes
		-subj /CN=stream.example.com -keyout), "$dir/key.pem",
		'-out', "$dir/cert.pem"]);

	$p->wait(30) && $p->status == 0
		or die "openssl fails:\n" . read_file($out);
}

sub read_file {
	my ($name) = @_;

	open my $f, '<', $name or die "$name: $!\n";
	local $/;

	return scalar(<$f>) // '';
}
