package KafkaWS::Response;

# An HTTP answer: status, header, body, raw.

use warnings;
use strict;

sub parse {
	my ($class, $raw) = @_;
	my $self = bless { raw => $raw, headers => [] }, $class;
	my ($head, $body) = split /\x0d\x0a\x0d\x0a/, $raw, 2;
	my ($line, @headers) = split /\x0d\x0a/, $head // '';

	($self->{status}) = ($line // '') =~ m{^HTTP/1\.[01] (\d{3})};

	for (@headers) {
		push @{ $self->{headers} }, [$1, $2] if /^([^:]+):\s*(.*?)\s*$/;
	}

	$body //= '';

	if (($self->header('Transfer-Encoding') // '') eq 'chunked') {
		my $plain = '';

		while ($body =~ s/^([0-9a-fA-F]+)\x0d\x0a//) {
			last if hex $1 == 0;
			$plain .= substr $body, 0, hex $1, '';
			$body =~ s/^\x0d\x0a//;
		}

		$body = $plain;
	}

	$self->{body} = $body;

	return $self;
}

sub status { return $_[0]->{status} // 0 }

sub body { return $_[0]->{body} }

sub raw { return $_[0]->{raw} }

# the values of a header, in scalar context the first
sub header {
	my ($self, $name) = @_;
	my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name }
		@{ $self->{headers} };

	return wantarray ? @values : $values[0];
}

1;
