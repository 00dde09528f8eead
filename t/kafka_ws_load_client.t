#!/usr/bin/perl

# The load client itself: whatever a server does wrong, ws_load must see.
# The server here is a script: what each connection in turn is sent.

# brokers: none
# run: waits

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib qw(crc32);
use IO::Socket::INET;
use POSIX ();
use Test::More;

use KafkaWS::Load;

use constant N => 6;			# records that each client expects

my $accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
my $extension = '';			# a line of the answers
my @pids;

END { local $?; kill 'KILL', $_ for @pids }

my @all = map { record($_) } 0 .. N - 1;
my $start = start(100, 'start');
my $r;

$r = run([$start, @all]);
is($r->{exit}, 0, 'all is well');
is($r->{records}, N, 'records counted');
is_deeply($r->{codes}, { 1000 => 1 }, 'closed in order');

$r = run([$start, map { split /(?<=.{7})/s } @all]);
is($r->{exit}, 0, 'frames cut anywhere');

$r = run([$start, frame(9, 'ping'), @all]);
is("$r->{exit} $r->{pings}", '0 1', 'ping');

$r = run([$start, @all[0 .. 2, 4, 5]]);
is("$r->{exit} $r->{lost}", '1 1', 'lost in the middle');

$r = run([$start, @all[0 .. 4]]);
is("$r->{exit} $r->{lost} $r->{done}", '1 1 0', 'lost at the end');

$r = run([$start, @all[0 .. 3, 3, 4, 5]]);
is("$r->{exit} $r->{doubled}", '1 1', 'doubled');

$r = run([$start, @all, $all[5]]);
is("$r->{exit} $r->{doubled}", '1 1', 'doubled at the end');

$r = run([$start, @all[0, 2, 1, 3 .. 5]]);
is("$r->{exit} $r->{lost} $r->{reordered}", '1 0 1', 'reordered');

(my $bad = $all[2]) =~ s/fill/fyll/;

$r = run([$start, @all[0, 1], $bad, @all[3 .. 5]]);
is("$r->{exit} $r->{corrupt}", '1 1', 'a byte changed');

$r = run([$start, @all[0, 1], record(2, run => 'other'), @all[3 .. 5]]);
is("$r->{exit} $r->{corrupt}", '1 1', 'of another run');

$r = run([$start, @all[0, 1], record(2, partition => 1), @all[3 .. 5]]);
is("$r->{exit} $r->{corrupt}", '1 1', 'of another partition');

$r = run([$start, @all[0, 1], frame(1, '{"event":"gap","partition":0,'
	. '"from":102,"to":102,"reason":"too-large"}'), @all[3 .. 5]]);
is("$r->{exit} $r->{gaps} $r->{gap_records} $r->{lost}", '1 1 1 1', 'gap');

$r = run([$start, "\x01" . substr $all[0], 1]);
is("$r->{exit} $r->{protocol}", '1 1', 'a fragment');

$r = run([$start, "\x81\xfe" . substr $all[0], 2]);
is("$r->{exit} $r->{protocol}", '1 1', 'a masked frame');

$r = run([$start, "\x81\x7e\x00\x02{}"]);
is("$r->{exit} $r->{protocol}", '1 1', 'a length not minimal');

$r = run([$start, @all[0 .. 2], frame(8, pack 'n', 1012)],
	[start(103, 'resumed'), @all[3 .. 5]]);
is("$r->{exit} $r->{reconnects} $r->{resumed} $r->{moved}", '0 1 1 0',
	'1012, and back with the cursor');
is($r->{codes}{1012}, 1, '1012 counted');
is($r->{resume_us}{n}, 1, 'time of the return measured');

$r = run([$start, @all[0 .. 2], frame(8, pack 'n', 4408)],
	[start(104, 'gap'), @all[4, 5]]);
is("$r->{exit} $r->{lost} $r->{moved}", '1 1 1', 'back, but elsewhere');

$r = run([$start, @all[0 .. 2], undef], [start(103, 'resumed'), @all[3 .. 5]]);
is("$r->{exit} $r->{eofs} $r->{reconnects}", '0 1 1', 'cut without a Close');

$r = run([$start, @all[0 .. 2], frame(8, pack 'n', 4403)], [$start, @all]);
is("$r->{exit} $r->{reconnects} $r->{lost}", '1 0 3', '4403 is final');

# it cuts the connection itself, the first time as early as it can; what else
# the same read brought did not come

$r = run([$start, join '', @all[0 .. 2]],
	[start(101, 'resumed'), join '', @all[1 .. 4]],
	[start(104, 'resumed'), @all[4, 5]], cut => 3, cursors => [101, 104]);
is("$r->{exit} $r->{eofs} $r->{reconnects} $r->{moved}", '0 0 2 0',
	'cut by the client, and back with the cursor');
is("$r->{records} $r->{doubled}", N . ' 0', 'each once');

# of two owners: this one is k0, every second record is its own

my @own = map { record($_, run => 'self.k' . $_ % 2) } 0 .. N - 1;

$r = run([$start, @own[0, 2, 4]], owners => 2);
is("$r->{exit} $r->{records} $r->{done}", '0 3 1', 'its own');

$r = run([$start, @own[0, 2, 3, 4]], owners => 2);
is("$r->{exit} $r->{foreign} $r->{records} $r->{lost} $r->{corrupt}",
	'1 1 3 0 0', "another's");

$r = run([$start, @own[0, 4]], owners => 2);
is("$r->{exit} $r->{lost} $r->{done}", '1 1 0', 'its own, one lost');

$r = run([$start, @own[0, 2, 2, 4]], owners => 2);
is("$r->{exit} $r->{doubled}", '1 1', 'its own, one doubled');

$r = run([$start, @own[0, 2], record(3, run => 'self.k0'), $own[4]],
	owners => 2);
is("$r->{exit} $r->{corrupt}", '1 1', 'by name, but not by its number');

$r = run([$start, @own[0, 2], $all[2], $own[4]], owners => 2);
is("$r->{exit} $r->{corrupt}", '1 1', 'without a name');

$r = run([$start, @own[0, 2], undef], [start(103, 'resumed'), $own[4]],
	owners => 2);
is("$r->{exit} $r->{reconnects}", '0 1', 'its own, and back for the rest');

# the same in an object

my @json = map { record($_, run => 'self.k' . $_ % 2, json => 1) } 0 .. N - 1;

$r = run([$start, @json[0, 2, 4]], owners => 2);
is("$r->{exit} $r->{records}", '0 3', 'in an object');

$r = run([$start, @json[0 .. 2, 4]], owners => 2);
is("$r->{exit} $r->{foreign} $r->{records}", '1 1 3',
	"in an object, another's");

# frames that are only counted: compressed ones where that was agreed on

my @deflate = (records => -1, frames => 2, drain => 1, deflate => 1);
my $packed = "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";

ok(!eval { run([$packed, $all[0]], @deflate); 1 },
	'permessage-deflate not agreed on');

$extension = "Sec-WebSocket-Extensions: permessage-deflate; "
	. "server_no_context_takeover\x0d\x0a";

$r = run([$packed, $all[0]], @deflate);
is("$r->{exit} $r->{frames} $r->{compressed}", '0 2 1', 'compressed');

$r = run([$packed, "\xc9\x00", $all[0]], @deflate);
is("$r->{exit} $r->{protocol}", '1 1', 'a compressed ping');

$r = run([$packed, $all[0]], frames => 2, drain => 1);
is("$r->{exit} $r->{protocol}", '1 1', 'compressed, but never offered');

done_testing();

# one connection after the other gets its list; undef: the socket is closed;
# then options of ws_load; cursors => those of the second and so on, 103
sub run {
	my @scripts;

	push @scripts, shift while ref $_[0];

	my %o = @_;
	my @cursors = @{ delete $o{cursors} // [103] };
	my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		Listen => 5) or die "listen: $!\n";
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		@pids = ();
		serve($listen, \@cursors, @scripts);
		POSIX::_exit(0);
	}

	push @pids, $pid;

	my $load = KafkaWS::Load->start(port => $listen->sockport,
		run => 'self', records => N, seconds => 5, linger_ms => 100,
		%o);

	my $result = $load->result(20);

	kill 'KILL', $pid;
	waitpid $pid, 0;
	@pids = ();

	return $result;
}

sub serve {
	my ($listen, $cursors, @scripts) = @_;
	my $count = 0;

	for my $script (@scripts) {
		my $s = $listen->accept or return;
		my $buf = '';

		sysread $s, $buf, 4096, length $buf
			until $buf =~ /\x0d\x0a\x0d\x0a/;

		# the second comes back with what the first has taught
		return if $count
			&& $buf !~ m{[?&]cursor=0:$cursors->[$count - 1] };
		$count++;
		return if $buf =~ /u=k/ && $buf !~ m{ /\?u=k0[& ]};

		syswrite $s, join "\x0d\x0a",
			'HTTP/1.1 101 Switching Protocols',
			'Upgrade: websocket', 'Connection: Upgrade',
			"Sec-WebSocket-Accept: $accept", $extension, '';

		for my $data (@$script) {
			last unless defined $data;
			syswrite $s, $data;
		}

		next if grep { !defined } @$script;

		# until the client's Close: it is answered, unless it answers
		while (sysread $s, $buf, 4096) {
			next unless $buf =~ /^\x88/ || $buf =~ /\x88[\x80\x82]/;
			syswrite $s, frame(8, pack 'n', 1000)
				unless $script->[-1] =~ /^\x88/;
			last;
		}
	}
}

sub frame {
	my ($op, $data) = @_;
	my $n = length $data;

	return pack('C', 0x80 | $op)
		. ($n < 126 ? pack 'C', $n : pack 'Cn', 126, $n) . $data;
}

sub start {
	my ($offset, $state) = @_;

	return frame(1, '{"event":"start","partitions":[{"partition":0,'
		. qq("offset":$offset,"state":"$state"}]}));
}

sub record {
	my ($seq, %o) = @_;
	my $value = sprintf '%s:%d:%d:%d:%s:', $o{run} // 'self',
		$o{partition} // 0, $seq, time() * 1e6, 'fill' x 40;

	$value .= sprintf '%08x', crc32($value);
	$value = $o{json} ? qq({"to":{"user":"k"},"v":"$value"}) : qq("$value");

	return frame(1, sprintf '{"partition":0,"offset":%d,"timestamp":1,'
		. '"key":"a\\"b","headers":{"h":"}"},"value":%s}',
		100 + $seq, $value);
}
