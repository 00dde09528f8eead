package KafkaWS::Probe;

# One request, cut as asked for, and its whole answer as text, so that a
# table compares exactly: each header, the body, what becomes of the
# connection, and what the error log says.
#
#	my $p = KafkaWS::Probe->new($t);
#	is($p->ask(request('/', key => [])), refused('key'), 'no key');
#	is($p->ask(request('/')), upgraded(), 'a good request');
#
# The server needs "server_tokens off", "keepalive_timeout 60s", and a
# location /after that returns "after" with 200.

use warnings;
use strict;

use base qw(Exporter KafkaWS::Client);

use Digest::SHA qw(sha1_base64);

use KafkaWS::Process qw(now);
use KafkaWS::Response;

our @EXPORT_OK = qw(request expected upgraded refused by_nginx sequence
	reason printable);

use constant {
	TIME => 10,
	CRLF => "\x0d\x0a",
	KEY => 'dGhlIHNhbXBsZSBub25jZQ==',
};

# what nginx adds to a line about a request
my $CLIENT = qr/(?: while .*?)?, client: 127\.0\.0\.1, server: /;

# the headers of a good request, by the names that tables use
my %good = (
	host => 'Host: localhost',
	upgrade => 'Upgrade: websocket',
	connection => 'Connection: Upgrade',
	key => 'Sec-WebSocket-Key: ' . KEY,
	version => 'Sec-WebSocket-Version: 13',
);

# name => [status, line, counted as, more headers]
my %refused = (
	inner => [400, 'neither a subrequest nor an error page can be a stream',
		'upgrade'],
	method => [405, 'the method is not GET', 'method', 'Allow: GET'],
	http => [400, 'a WebSocket needs HTTP/1.1', 'version'],
	body => [400, 'the request has a body', 'body'],
	upgrade => [426, 'Upgrade does not name websocket', 'upgrade'],
	connection => [426, 'Connection does not name upgrade', 'upgrade'],
	versions => [400, 'Sec-WebSocket-Version is repeated', 'version'],
	version => [426, 'Sec-WebSocket-Version is not 13', 'version'],
	keys => [400, 'Sec-WebSocket-Key is repeated', 'key'],
	key => [400, 'Sec-WebSocket-Key is not 16 bytes in base64', 'key'],
	extensions => [400, 'Sec-WebSocket-Extensions is malformed',
		'upgrade'],
	'no extensions' => [400, 'Sec-WebSocket-Extensions is empty',
		'upgrade'],
	protocols => [400, 'Sec-WebSocket-Protocol is malformed',
		'subprotocol'],
	'no protocols' => [400, 'Sec-WebSocket-Protocol is empty',
		'subprotocol'],
	'protocol twice' => [400, 'Sec-WebSocket-Protocol has a name twice',
		'subprotocol'],
	'many protocols' => [400, 'Sec-WebSocket-Protocol has too many names',
		'subprotocol'],
	origins => [403, 'Origin is repeated', 'origin'],
	origin => [403, 'origin "%s" is not allowed', 'origin'],
	topic => [404, 'topic "%s" is not streamed here', 'topic'],
	partitions => [400, 'partitions: %s', 'partition'],
	'no partition' => [404, 'the topic has no such partition',
		'partition'],
	filter => [403, 'nothing to filter by', 'filter'],
	'long filter' => [403, 'too much to filter by', 'filter'],
	start => [400, 'start: not latest, earliest, tail=n or since=time',
		'start'],
	cursor => [400, 'cursor: %s', 'cursor'],
);

my %phrases = (200 => 'OK', 400 => 'Bad Request', 403 => 'Forbidden',
	404 => 'Not Found', 405 => 'Not Allowed', 408 => 'Request Time-out',
	414 => 'Request-URI Too Large', 426 => 'Upgrade Required',
	501 => 'Not Implemented', 505 => 'HTTP Version Not Supported');

# case: what the request has instead of a good one's parts: a line, or a
# list of them; method, http, more (lines at the end), body, eol besides
sub request {
	my ($uri, %case) = @_;
	my @headers = map { $case{$_} // $good{$_} }
		qw(host upgrade connection key version);

	push @headers, $case{more} // [];

	return join $case{eol} // CRLF, ($case{method} // 'GET') . " $uri "
		. ($case{http} // 'HTTP/1.1'),
		(map { ref $_ ? @$_ : $_ } @headers), '', $case{body} // '';
}

# bytes that no terminal should get, as the log and the answers show them
sub printable {
	my ($text) = @_;

	return $text =~ s/([^\x20-\x7e]|["\\])/sprintf '\x%02x', ord $1/ger;
}

sub new {
	my ($class, $t, %o) = @_;
	my $self = bless { nginx => $t, port => $t->port(0), %o }, $class;

	# a client that had not read all is reset when it goes, and that has
	# a line, perhaps later than now
	$self->settle();
	$self->new_lines();

	return $self;
}

# what a table compares

# answer: "101", with a subprotocol behind it if one is agreed; the name of
# a refusal; or nginx's own, "nginx STATUS: what it logs"
sub expected {
	my ($answer, %o) = @_;

	return upgraded(%o, protocol => $1) if $answer =~ /^101(?: (.+))?$/;
	return by_nginx($1, $2, %o) if $answer =~ /^nginx (\d+): (.*)$/s;
	return refused($answer, %o);
}

# o: protocol, key, headers (more of them), first (lines before)
sub upgraded {
	my (%o) = @_;
	my $accept = sha1_base64(($o{key} // KEY) . KafkaWS::WebSocket::GUID)
		. '=';

	return text($o{first}, 'HTTP/1.1 101 Switching Protocols', [
		'Connection: upgrade', "Sec-WebSocket-Accept: $accept",
		'Server: nginx', 'Upgrade: websocket',
		defined $o{protocol}
			? "Sec-WebSocket-Protocol: $o{protocol}" : (),
		@{ $o{headers} // [] } ], undef,
		'frames: pong, close 1000, fin', $o{log});
}

# name: of the table above; o: arg (of its text), detail (for the log alone),
# kept (1 unless the status is 400), head (no body), uncounted
sub refused {
	my ($name, %o) = @_;
	my ($status, $line, $reason, @more) = @{ $refused{$name}
		// die "no refusal $name\n" };
	my $kept = $o{kept} // $status != 400;

	$line = sprintf $line, $o{arg} if defined $o{arg};

	my $detail = defined $o{detail} ? ": $o{detail}" : '';

	push @more, 'Upgrade: websocket', 'Connection: Upgrade',
		'Sec-WebSocket-Version: 13' if $status == 426;

	return text(undef, "HTTP/1.1 $status $phrases{$status}", [@more,
		'Connection: ' . ($kept ? 'keep-alive' : 'close'),
		'Content-Type: text/plain', 'Server: nginx',
		'Content-Length: ' . (1 + length $line) ],
		$o{head} ? undef : "$line\n", $kept ? 'kept' : 'closed',
		["[info] kafka ws refused with $status: $line$detail"]);
}

# what it is counted as
sub reason { return $refused{ $_[0] }[2] }

# status: 494 is nginx's own for large headers; said: what it logs; o: head
sub by_nginx {
	my ($status, $said, %o) = @_;
	my $shown = $status == 494 ? 400 : $status;
	my $title = "$shown $phrases{$shown}";
	my $h1 = "<center><h1>$title</h1></center>" . CRLF;

	if ($status == 494) {
		$title = '400 Request Header Or Cookie Too Large';
		$h1 .= '<center>Request Header Or Cookie Too Large</center>'
			. CRLF;
	}

	my $page = '<html>' . CRLF . "<head><title>$title</title></head>"
		. CRLF . '<body>' . CRLF . $h1
		. '<hr><center>nginx</center>' . CRLF . '</body>' . CRLF
		. '</html>' . CRLF;
	my $kept = $o{kept} // 0;

	return text($o{first}, "HTTP/1.1 $shown $phrases{$shown}", [
		'Connection: ' . ($kept ? 'keep-alive' : 'close'),
		'Content-Type: text/html', 'Server: nginx',
		'Content-Length: ' . length $page ],
		$o{head} ? undef : $page, $kept ? 'kept' : 'closed',
		$said ? ["[info] $said"] : []);
}

# several answers on one connection
sub sequence {
	my @parts = map { [/^(.*)\n(then: [^\n]*)(.*)$/s] } @_;

	return join "\n", (map { $_->[0] } @parts), $parts[-1][1]
		. join '', map { $_->[2] } @parts;
}

sub text {
	my ($first, $line, $headers, $body, $then, $log) = @_;

	return join "\n", @{ $first // [] }, $line, sort(@$headers),
		defined $body ? 'body: ' . printable($body) : (),
		"then: $then", @{ $log // [] };
}

# what is there

# o: head (the answer has no body), cuts (where the bytes are cut), answers
# (how many come, if more than one)
sub ask {
	my ($self, $bytes, %o) = @_;

	return $self->begin($bytes, %o)->finish();
}

# The first piece is sent; finish() sends the others, one at a time.
sub begin {
	my ($self, $bytes, %o) = @_;
	my @cuts = @{ $o{cuts} // [] };
	my @pieces;

	for my $cut (reverse @cuts) {
		unshift @pieces, substr $bytes, $cut, length $bytes, '';
	}

	return ref($self)->connect($self->{port}, '/', raw => $bytes,
		pieces => \@pieces, nginx => $self->{nginx}, probe => $self,
		auto_close => 0, timeout => TIME, %o);
}

# nothing is read before finish()
sub handshake { return $_[0] }

# settled: 1 if the first piece is read already
sub finish {
	my ($self, $settled) = @_;

	for my $piece (@{ $self->{pieces} }) {
		$self->{probe}->settle() unless $settled--;
		$self->raw_write($piece);
	}

	my @answers = $self->answer();

	$self->disconnect();

	return join "\n", @answers, $self->{probe}->new_lines();
}

# Returns once the worker has read what was sent: it takes its events in
# turn, and an answer on another connection comes behind them.
sub settle {
	my ($self) = @_;

	$self->{nginx}->http_get('/after') for 1 .. 2;
}

# returns: lines, for one answer and what comes behind it
sub answer {
	my ($self) = @_;
	my $head = $self->head() // return $self->rest();
	my $r = KafkaWS::Response->parse($head);
	my @lines = lines($r);

	return (@lines, $self->answer()) if $r->status == 100;

	if ($r->status == 101) {
		$self->check_handshake($r);
		return (@lines, 'then: frames: ' . $self->frames());
	}

	my $length = $self->{head} ? 0 : $r->header('Content-Length') // 0;

	while (length $self->{buf} < $length) {
		$self->fill(TIME) or last;
	}

	my $body = substr $self->{buf}, 0, $length, '';

	push @lines, 'body: ' . printable($body) if length $body;

	return (@lines, $self->answer()) if --($self->{answers} //= 1) > 0;

	# nothing but the end may follow
	return (@lines, $self->after()) unless $r->header('Connection')
		eq 'close';

	return (@lines, $self->rest('closed'));
}

# returns: the first line and the headers, sorted
sub lines {
	my ($r) = @_;
	my ($first) = $r->raw =~ m{^([^\x0d]*)};
	my @lines = ($first, sort map { "$_->[0]: $_->[1]" }
		grep { $_->[0] ne 'Date' } @{ $r->{headers} });

	push @lines, 'no Date' if $r->status != 100 && ($r->header('Date')
		// '') !~ /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/;

	return @lines;
}

# For a test that reads frames itself: the answer up to them.
sub upgrade {
	my ($self) = @_;
	my $r = KafkaWS::Response->parse($self->head() // '');

	$self->check_handshake($r) if $r->status == 101;

	return join "\n", lines($r);
}

sub head {
	my ($self) = @_;
	my $deadline = now() + TIME;

	my $end;

	# an answer of HTTP/0.9 has none
	while (($end = index $self->{buf}, CRLF . CRLF) < 0) {
		$self->fill($deadline - now()) or return;
	}

	return substr $self->{buf}, 0, $end + 4, '';
}

# all up to the end
sub rest {
	my ($self, $name) = @_;
	my $deadline = now() + TIME;

	while ($self->fill($deadline - now())) { }

	my $said = ($self->{eof} // 'open') eq 'fin' ? $name // 'end'
		: $self->{eof} // 'left open';

	return ((length $self->{buf} ? printable($self->{buf}) : ()),
		"then: $said");
}

# the connection is in order: another request has its answer
sub after {
	my ($self) = @_;

	return 'then: more ' . printable($self->{buf})
		if length $self->{buf};

	$self->raw_write("GET /after HTTP/1.1\x0d\x0aHost: a\x0d\x0a\x0d\x0a");
	delete $self->{head};

	my $head = $self->head() // return $self->rest();

	while ($self->{buf} ne 'after' && $self->fill(TIME)) { }

	return 'then: ' . ($head =~ /^HTTP\/1.1 200 / && $self->{buf} eq 'after'
		? 'kept' : printable($head . $self->{buf}));
}

# behind a 101 all are frames: Client dies on what is none
sub frames {
	my ($self) = @_;
	my @said;

	$self->wait_event('start', TIME) or return 'no start event'
		if $self->{format} eq 'json';

	$self->ping('probe');

	while (defined(my $pong = $self->wait_pong(TIME))) {
		push @said, $pong eq 'probe' ? 'pong' : "pong $pong";
		last if $pong eq 'probe';
	}

	$self->close(1000);
	push @said, 'close ' . (($self->wait_close(TIME))[0] // 'missing');
	push @said, $self->wait_eof(TIME) // 'left open';

	return join ', ', @said;
}

# What clients caused in the error log since the last call: its level and
# text, without what nginx adds to every line.
sub new_lines {
	my ($self) = @_;
	my @lines;

	open my $f, '<', $self->{nginx}->testdir . '/error.log'
		or die "error.log: $!\n";
	seek $f, $self->{read} // 0, 0;

	while (my $line = <$f>) {
		# nginx is at it: a line that crosses a page of the file
		# appears in two parts
		last if $line !~ /\n\z/;

		$self->{read} = tell $f;

		# closing a kept connection is no fault
		next if $line !~ /client/
			|| $line =~ /closed keepalive connection/;

		chomp $line;
		push @lines, $line
			=~ /^\S+ \S+ (\[\w+\]) \d+#\d+: \*\d+ (.*?)$CLIENT/
			? "$1 $2" : "line without a client: $line";
	}

	return @lines;
}

1;
